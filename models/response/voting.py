"""The paper's vote: two of three models decide, and a tie within one of them is decided by a coin.

Source: arXiv 2412.16984, R = 1 where f_mat + f_sim + f_sta >= 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.response.evidence import Evidence


def cast_votes(
    keywords: Evidence, similarity: Evidence, sasrec_probability: NDArray[np.float32], coins: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Votes of keyword matching, similarity and SASRec.

    Parameters
    ----------
    keywords, similarity
        Evidence of b rows.
    sasrec_probability
        float32 array of shape (b,).
    coins
        float64 array of shape (b, 2) in [0, 1): decide ties of keyword matching and of similarity.

    Returns
    -------
    int8 array of shape (b, 3), entries 0 or 1.
    """
    values = np.stack([keywords.values(), similarity.values()], axis=1)
    logical = np.where(values == 0.5, coins < 0.5, values > 0.5)
    return np.column_stack([logical, sasrec_probability >= 0.5]).astype(np.int8)


def toss(rng: np.random.Generator, b: int) -> NDArray[np.float64]:
    """Coins for b rows of `cast_votes`: float64 (b, 2)."""
    return rng.random((2, b)).T


def majority(votes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """The paper's answer, bool (b,), of votes (b, 3)."""
    return votes.sum(axis=1) >= 2


@dataclass(frozen=True)
class VoteTable:
    """P(like) for each value that a vote can take: Laplace-smoothed frequencies, the calibration of a vote.

    Parameters
    ----------
    rates
        Vote value to like rate. A tie counts 0.5 of a vote.
    """

    rates: Mapping[float, float]

    @classmethod
    def fit(cls, values: NDArray[np.float32], likes: NDArray[np.bool_], possible: tuple[float, ...]) -> Self:
        """Count likes (b,) for each of the possible values among values (b,)."""
        by_value = {value: likes[values == value] for value in possible}
        return cls({value: (float(own.sum()) + 1) / (len(own) + 2) for value, own in by_value.items()})

    def probabilities(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(like), float32 (b,), of vote values (b,).

        Raises
        ------
        ValueError
            Where a value is none of the possible ones.
        """
        unknown = set(np.unique(values).tolist()) - set(self.rates)
        if unknown:
            raise ValueError(f"vote values {sorted(unknown)} are not among {sorted(self.rates)}")
        possible = np.array(sorted(self.rates))
        rates = np.array([self.rates[value] for value in possible], dtype=np.float32)
        return rates[np.searchsorted(possible, values)]
