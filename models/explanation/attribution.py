"""What a response rests on: exact shares of the logit, and the response without a past reaction.

The calibrated probability is a logistic regression (models/estimators/logistic.py), so its logit is a sum: that of
average features, and what each part of the simulator adds by how far its features lie from their averages. The effect
of a past reaction is that of leaving it out (leave-one-out, which Koh and Liang, arXiv 1703.04730, approximate; here it
is cheap enough to be computed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import LogisticModel
from models.interactions import Histories, last
from models.response.features import FEATURE_GROUPS, Features, Opinions, feature_matrix
from models.simulation.simulator import UserSimulator

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Pairs:
    """b (user, candidate) pairs with the histories that they are judged by.

    Parameters
    ----------
    users, items
        int64 arrays of shape (b,): row numbers.
    histories
        b histories, none of which holds its candidate.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    histories: Histories

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, rows: NDArray[np.int64]) -> Pairs:
        """Some of the pairs, repeats allowed."""
        return Pairs(self.users[rows], self.items[rows], self.histories[rows])

    def without(self, rows: NDArray[np.int64], left_out: NDArray[np.bool_]) -> Pairs:
        """Pairs `rows` (r,), each without the past reactions that are True in its row of `left_out` (r, l)."""
        return Pairs(self.users[rows], self.items[rows], self.histories[rows].without(left_out))


def remembered(simulator: UserSimulator, pairs: Pairs) -> Pairs:
    """The pairs with no more of their histories than the simulator looks at."""
    return Pairs(pairs.users, pairs.items, last(pairs.histories, simulator.max_history))


def contributions(ensemble: LogisticModel, features: Features) -> tuple[float, NDArray[np.float64]]:
    """The terms that the logits of P(like) are sums of.

    Parameters
    ----------
    ensemble
        Of the features `FEATURE_NAMES`.
    features
        float32 array of shape (b, 19).

    Returns
    -------
    The logit of average features, and float64 array of shape (b, 9): what each of `FEATURE_GROUPS` adds to it.
    """
    weights = np.array(ensemble.coefficients) / np.array(ensemble.scales)
    added = (feature_matrix(features, ensemble.names) - np.array(ensemble.means)) * weights
    by_name = dict(zip(ensemble.names, added.T, strict=True))
    groups = [np.sum([by_name[name] for name in names], axis=0) for names in FEATURE_GROUPS.values()]
    return ensemble.intercept, np.stack(groups, axis=1)


class Margins(NamedTuple):
    """By how much b simulated users like their candidates: P(like), and margins of the vote on either side of 0.

    Parameters
    ----------
    probability
        float32 array of shape (b,): the calibrated P(like).
    vote
        float32 array of shape (b,): the median of the three voters' margins, above 0 where at least two of them say yes
        however coins fall, below 0 where two say no, 0 where a coin decides.
    mean_vote
        float32 array of shape (b,): the mean of these margins.
    """

    probability: NDArray[np.float32]
    vote: NDArray[np.float32]
    mean_vote: NDArray[np.float32]

    @classmethod
    def from_opinions(cls, simulator: UserSimulator, opinions: Opinions) -> Self:
        """Margins of what the models say."""
        keywords, similarity = opinions.keyword_evidence, opinions.similarity_evidence
        shared = keywords.positive + keywords.negative
        likely = opinions.sasrec_probability - np.float32(0.5)
        margins = np.stack(
            [
                keywords.surplus() / (shared + 1),
                similarity.surplus(),
                np.where(likely == 0, np.float32(1e-9), likely),  # SASRec's yes begins at 0.5
            ]
        )
        median = np.median(margins, axis=0).astype(np.float32)
        return cls(simulator.shown_probabilities(opinions), median, margins.mean(axis=0))

    @classmethod
    def concatenated(cls, parts: Sequence[Margins]) -> Self:
        """Margins of consecutive rows as one; of no parts, none."""
        nothing = cls(*(np.zeros(0, dtype=np.float32) for _ in cls._fields))
        return cls(*(np.concatenate(columns) for columns in zip(nothing, *parts, strict=True)))


def margins(simulator: UserSimulator, pairs: Pairs) -> Margins:
    """Margins of b pairs."""
    parts = []
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        part = remembered(simulator, pairs.rows(np.arange(start, min(start + _ROWS_AT_ONCE, len(pairs)))))
        opinions = simulator.models.opinions(part.users, part.items, part.histories)
        parts.append(Margins.from_opinions(simulator, opinions))
    return Margins.concatenated(parts)


def margins_without_each(simulator: UserSimulator, pairs: Pairs, left_out: NDArray[np.bool_] | None = None) -> Margins:
    """Margins without each single past reaction.

    Parameters
    ----------
    simulator
        The audience.
    pairs
        b pairs, `remembered`.
    left_out
        bool array of shape (b, l): reactions that are left out anyway.

    Returns
    -------
    Arrays of shape (b, l), one column without each past reaction; where there is none, or it is left out anyway, the
    margins of the pair itself.
    """
    shape = pairs.histories.items.shape
    left_out = np.zeros(shape, dtype=bool) if left_out is None else left_out
    before = margins(simulator, pairs.without(np.arange(len(pairs)), left_out))
    after = Margins(*(np.repeat(column[:, None], shape[1], axis=1) for column in before))
    rows, columns = np.nonzero(pairs.histories.mask & ~left_out)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chosen = slice(start, start + _ROWS_AT_ONCE)
        row, column = rows[chosen], columns[chosen]
        without = left_out[row]
        without[np.arange(len(row)), column] = True
        for table, values in zip(after, margins(simulator, pairs.without(row, without)), strict=True):
            table[row, column] = values
    return after
