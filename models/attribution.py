"""Which reasons an answer rests on: exact shares of the logit, and what would change without a past reaction.

The calibrated probability is a logistic regression (models/ensemble.py), so its logit is a sum: that of average
features, and what each part of the simulator adds by how far its features lie from their averages. Beneath, the
effect of a past reaction is found by leaving it out and asking again (leave-one-out; Koh and Liang, arXiv 1703.04730,
approximate what is cheap enough here to be done). A counterfactual (Wachter et al., arXiv 1711.00399) is a small set of
past reactions without which the answer would be the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ensemble import Ensemble
from models.interactions import NO_ITEM, Histories, last
from models.response_models import FEATURE_GROUPS
from models.simulator import UserSimulator

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Pairs:
    """b (user, candidate) pairs and the reactions that they are judged by.

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
        kept = self.histories.mask[rows] & ~left_out
        order = np.argsort(~kept, axis=1, kind="stable")  # those that stay come first, in their order
        histories = self.histories[rows].columns(order)
        there = np.take_along_axis(kept, order, axis=1)
        items = np.where(there, histories.items, NO_ITEM)
        return Pairs(self.users[rows], self.items[rows], Histories(items, histories.likes & there, histories.ratings))


def remembered(simulator: UserSimulator, pairs: Pairs) -> Pairs:
    """The pairs with no more of their histories than the simulator looks at."""
    return Pairs(pairs.users, pairs.items, last(pairs.histories, simulator.max_history))


def contributions(ensemble: Ensemble, features: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
    """What the logits of P(like) are sums of.

    Parameters
    ----------
    ensemble
        Of the features `FEATURE_NAMES`.
    features
        float32 array of shape (b, 17).

    Returns
    -------
    The logit of average features, and float64 array of shape (b, 7): what each of `FEATURE_GROUPS` adds to it.
    """
    weights = np.array(ensemble.coefficients) / np.array(ensemble.scales)
    added = (features - np.array(ensemble.means)) * weights
    of = {name: column for column, name in enumerate(ensemble.names)}
    groups = [added[:, [of[name] for name in names]].sum(axis=1) for names in FEATURE_GROUPS.values()]
    return ensemble.intercept, np.stack(groups, axis=1)


def probabilities(simulator: UserSimulator, pairs: Pairs) -> NDArray[np.float32]:
    """The calibrated P(like) of each pair: float32 (b,)."""
    parts = []
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        part = remembered(simulator, pairs.rows(np.arange(start, min(start + _ROWS_AT_ONCE, len(pairs)))))
        opinions = simulator.models.opinions(part.users, part.items, part.histories)
        parts.append(simulator.ensemble.probabilities(opinions.features))
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def removal_effects(
    simulator: UserSimulator, pairs: Pairs, left_out: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """How much P(like) falls when one past reaction is left out.

    Parameters
    ----------
    simulator
        Who is asked.
    pairs
        b pairs, `remembered`.
    left_out
        bool array of shape (b, l): reactions that are left out anyway.

    Returns
    -------
    float32 array of shape (b, l): P with it less P without; 0 on padding and where it is left out anyway.
    """
    shape = pairs.histories.items.shape
    left_out = np.zeros(shape, dtype=bool) if left_out is None else left_out
    present = pairs.histories.mask & ~left_out
    before = probabilities(simulator, pairs.without(np.arange(len(pairs)), left_out))
    effects = np.zeros(shape, dtype=np.float32)
    rows, columns = np.nonzero(present)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chosen = slice(start, start + _ROWS_AT_ONCE)
        of_pair, column = rows[chosen], columns[chosen]
        without = left_out[of_pair]
        without[np.arange(len(of_pair)), column] = True
        effects[of_pair, column] = before[of_pair] - probabilities(simulator, pairs.without(of_pair, without))
    return effects


def counterfactuals(
    simulator: UserSimulator, pairs: Pairs, effects: NDArray[np.float32], most: int
) -> list[tuple[int, ...] | None]:
    """Past reactions without which P(like) would lie on the other side of 0.5.

    A single one is found whenever there is one, since each is tried. Larger sets are found greedily, the reaction with
    the strongest effect first, and then freed of members until none of them can be spared.

    Parameters
    ----------
    simulator
        Who is asked.
    pairs
        b pairs, `remembered`.
    effects
        Their `removal_effects`, float32 (b, l).
    most
        Largest set that is looked for.

    Returns
    -------
    For each pair, positions in its history, ascending; None where no set was found.
    """
    likes = probabilities(simulator, pairs) >= 0.5
    towards = np.where(likes, 1, -1)  # the sign of an effect that helps to flip the answer
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    flipped = np.zeros(len(pairs), dtype=bool)
    for size in range(most):
        open_ = np.flatnonzero(~flipped & (pairs.histories.mask & ~left_out).any(axis=1))
        if not len(open_):
            break
        of_removal = effects[open_] if size == 0 else removal_effects(simulator, pairs.rows(open_), left_out[open_])
        present = (pairs.histories.mask & ~left_out)[open_]
        strongest = np.where(present, of_removal * towards[open_, None], -np.inf).argmax(axis=1)
        left_out[open_, strongest] = True
        now = probabilities(simulator, pairs.without(open_, left_out[open_])) >= 0.5
        flipped[open_] = now != likes[open_]
    found: list[tuple[int, ...] | None] = [None] * len(pairs)
    for row in np.flatnonzero(flipped):
        found[row] = _needed(simulator, pairs, int(row), left_out[row], bool(likes[row]))
    return found


def _needed(
    simulator: UserSimulator, pairs: Pairs, row: int, left_out: NDArray[np.bool_], like: bool
) -> tuple[int, ...]:
    """Members of a flipping set, freed one after the other of those that it flips without, until each is needed."""
    members = np.flatnonzero(left_out)
    while len(members) > 1:
        fewer = members[np.argwhere(~np.eye(len(members), dtype=bool))[:, 1].reshape(len(members), -1)]  # one less each
        masks = np.zeros((len(members), len(left_out)), dtype=bool)
        np.put_along_axis(masks, fewer, values=True, axis=1)
        flips = (probabilities(simulator, pairs.without(np.full(len(members), row), masks)) >= 0.5) != like
        if not flips.any():
            break
        members = fewer[flips.argmax()]
    return tuple(members.tolist())


def smallest_keyword_set(counts: Mapping[str, int], margin: int) -> tuple[str, ...] | None:
    """The fewest keywords without which a vote of `margin` shared keywords more for than against would be lost.

    Counts add up, so the most shared first is exact; a tie is not won.

    Parameters
    ----------
    counts
        How often each keyword of the winning side is shared.
    margin
        a_pos - a_neg, or a_neg - a_pos where the vote is no; above 0.
    """
    chosen: list[str] = []
    for keyword, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if margin <= 0:
            break
        chosen.append(keyword)
        margin -= count
    return tuple(chosen) if margin <= 0 else None


def strongest(effects: NDArray[np.float32], like: bool, most: int) -> Sequence[int]:
    """Positions of the reactions whose effects (l,) speak most for the answer, strongest first; all move it its way."""
    towards = effects if like else -effects
    order = np.argsort(-towards, kind="stable")[:most]
    return [int(position) for position in order if towards[position] > 0]


def moves_as_said(
    simulator: UserSimulator, pairs: Pairs, named: Sequence[Sequence[int]], likes: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether P(like) moves away from the answer once all its named reasons are left out together.

    Parameters
    ----------
    simulator
        Who is asked.
    pairs
        b pairs, `remembered`.
    named
        For each pair, positions in its history.
    likes
        bool array of shape (b,): whether the reasons are said to speak for a like.

    Returns
    -------
    bool array of shape (b,); False where nothing is named.
    """
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    for row, positions in enumerate(named):
        left_out[row, list(positions)] = True
    fall = probabilities(simulator, pairs) - probabilities(simulator, pairs.without(np.arange(len(pairs)), left_out))
    return np.where(likes, fall > 0, fall < 0)
