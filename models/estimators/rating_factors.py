"""Rating factors: what user and item effects leave of a rating, as a match of the user's and the item's factors.

Source: Hu, Koren and Volinsky (2008) and Zhou et al. (2008), alternating ridge regression. Item factors are learned
once; a user's are solved from the history for each answer, so a reaction of a minute ago counts like any other.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.compiled import loop

PSEUDO_REACTIONS = 5.0


class FactorSettings(BaseModel):
    """How rating factors are learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_factors: int = Field(default=8, gt=0, description="length of a user's and an item's factors")
    penalty: float = Field(default=10.0, gt=0, description="L2 penalty of factors; sparse data bring them to 0")
    rounds: int = Field(default=8, gt=0, description="alternations between users and items")
    seed: int = Field(default=0, ge=0, description="of the items' initial factors")


class RatingFactors:
    """How far user u's surprise at item i lies above the user's usual one: <p_u, q_i>.

    Parameters
    ----------
    n_items
        Size of the catalogue.
    settings
        How to learn.

    Attributes
    ----------
    items
        float32 array of shape (n_items, k): q; 0 before `fit`.
    """

    def __init__(self, n_items: int, settings: FactorSettings) -> None:
        self.settings = settings
        self.items = np.zeros((n_items, settings.n_factors), dtype=np.float32)

    def fit(self, train: Interactions, surprises: NDArray[np.float32]) -> Self:
        """Learn item factors.

        Parameters
        ----------
        train
            n training interactions.
        surprises
            float32 array of shape (n,): `ReactionStatistics.training_surprises`.
        """
        n = np.bincount(train.users, minlength=train.n_users)
        usual = np.bincount(train.users, surprises, train.n_users) / (n + PSEUDO_REACTIONS)
        rest = surprises - usual[train.users]
        items = np.random.default_rng(self.settings.seed).normal(scale=0.3, size=self.items.shape)
        for _ in range(self.settings.rounds):
            users = self._solve(train.users, train.n_users, items[train.items], rest)
            items = self._solve(train.items, train.n_items, users[train.users], rest)
        self.items = items.astype(np.float32)
        return self

    def matches(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Match of each candidate with the user whose history is in its row: float32 (b,), in standard deviations.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises`.
        """
        items, surprises = np.ascontiguousarray(histories.items), np.ascontiguousarray(surprises)
        return _matches(self.items, candidates, items, surprises, np.float32(self.settings.penalty))

    def _solve(
        self, rows: NDArray[np.int64], n: int, others: NDArray[np.float64], rest: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Ridge regression of each row's rest on the other side's factors (r, k): float64 (n, k)."""
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(n + 1))
        solved = np.zeros((n, others.shape[1]))
        ridge = self.settings.penalty * np.eye(self.settings.n_factors, dtype=np.float32)
        for row in np.flatnonzero(np.diff(starts)):
            own = order[starts[row] : starts[row + 1]]
            x = others[own]
            solved[row] = np.linalg.solve(x.T @ x + ridge, x.T @ rest[own])
        return solved


@loop
def _matches(
    factors: NDArray[np.float32],
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    surprises: NDArray[np.float32],
    penalty: np.float32,
) -> NDArray[np.float32]:
    """Ridge regression of what each row's surprises (b, l) leave on its items' factors, times the candidate's: (b,).

    The normal equations are solved by Cholesky's decomposition G = L L': <G^-1 m, q> = <L^-1 m, L^-1 q>.
    """
    matches, k = np.zeros(len(candidates), dtype=np.float32), factors.shape[1]
    gram = np.empty((k, k), dtype=np.float32)
    moment, own = np.empty(k, dtype=np.float32), np.empty(k, dtype=np.float32)
    for row, candidate in enumerate(candidates):
        count, usual = 0, np.float32(0)
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                count += 1
                usual += surprises[row, t]
        usual /= np.float32(count) + np.float32(PSEUDO_REACTIONS)
        gram[:], moment[:] = 0, 0
        for t in range(items.shape[1]):
            item = items[row, t]
            if item != NO_ITEM:
                rest = surprises[row, t] - usual
                for i in range(k):
                    moment[i] += factors[item, i] * rest
                    for j in range(k):
                        gram[i, j] += factors[item, i] * factors[item, j]
        for i in range(k):
            gram[i, i] += penalty
            own[i] = factors[candidate, i]
        for i in range(k):  # row i of L, and of both forward substitutions
            for j in range(i):
                for m in range(j):
                    gram[i, j] -= gram[i, m] * gram[j, m]
                gram[i, j] /= gram[j, j]
                gram[i, i] -= gram[i, j] ** 2
                moment[i] -= gram[i, j] * moment[j]
                own[i] -= gram[i, j] * own[j]
            gram[i, i] = np.sqrt(gram[i, i])
            moment[i] /= gram[i, i]
            own[i] /= gram[i, i]
            matches[row] += moment[i] * own[i]
    return matches
