"""Matrix factorisation of ratings, the field's standard since the Netflix prize: a baseline.

r_ui = mean + b_u + b_i + <p_u, q_i>, by alternating ridge regressions in which every penalty counts once a rating (ALS
with weighted regularisation: Zhou et al. 2008). P(like) is a logistic regression on that, fitted on validation rows,
whose loss also chooses the penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import LogisticModel
from models.interactions import Interactions
from models.metrics.classification import log_losses

PENALTIES = (0.05, 0.1, 0.2, 0.4)
_NAMES = ("rating",)


class RatingFactorisation:
    """Predicted ratings and the P(like) that they come to.

    Parameters
    ----------
    n_factors
        Length of p_u and q_i.
    rounds
        Alternations between users and items.
    seed
        Of the items' initial factors.
    """

    def __init__(self, n_factors: int = 4, rounds: int = 10, seed: int = 0) -> None:
        self.n_factors, self.rounds, self.seed = n_factors, rounds, seed
        self._mean = 0.0
        self._users = self._items = np.zeros((0, n_factors + 2))
        self._likes = LogisticModel(_NAMES, (0.0,), (1.0,), (0.0,), 0.0)

    def fit(self, train: Interactions, validation: Interactions, penalties: Sequence[float] = PENALTIES) -> Self:
        """Learn from train rows; validation rows choose the penalty, in squared ratings, and calibrate.

        Raises
        ------
        ValueError
            Where one of them has no row.
        """
        if not len(train) or not len(validation):
            raise ValueError("a factorisation of ratings needs train and validation rows")
        best = np.inf
        for penalty in penalties:
            users, items = self._factors(train, penalty)
            features = _ratings(users, items, validation)[:, None].astype(np.float32)
            likes = LogisticModel.fit(_NAMES, features, validation.likes)
            loss = float(log_losses(validation.likes, likes.probabilities(features)).mean())
            if loss < best:
                best, self._users, self._items, self._likes = loss, users, items, likes
        return self

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        ratings = np.einsum("bk,bk->b", self._users[users], self._items[items])
        return self._likes.probabilities(ratings[:, None].astype(np.float32))

    def _factors(self, train: Interactions, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Users (n_users, k + 2) and items (n_items, k + 2), whose products are ratings less their mean.

        Columns: an effect and, on the other side, its constant 1; then the factors.
        """
        rest = (train.ratings - train.ratings.mean()).astype(np.float64)
        rng = np.random.default_rng(self.seed)
        users, items = np.zeros((train.n_users, self.n_factors + 2)), np.zeros((train.n_items, self.n_factors + 2))
        items[:, 2:] = rng.normal(scale=0.1, size=(train.n_items, self.n_factors))
        users[:, 1], items[:, 0] = 1, 1
        for _ in range(self.rounds):
            _solve(train.users, users, items[train.items], rest, penalty, own=0, other=1)
            _solve(train.items, items, users[train.users], rest, penalty, own=1, other=0)
        return users, items


def _ratings(users: NDArray[np.float64], items: NDArray[np.float64], pairs: Interactions) -> NDArray[np.float64]:
    return np.einsum("bk,bk->b", users[pairs.users], items[pairs.items])


def _solve(
    rows: NDArray[np.int64],
    solved: NDArray[np.float64],
    others: NDArray[np.float64],
    rest: NDArray[np.float64],
    penalty: float,
    *,
    own: int,
    other: int,
) -> None:
    """Each row's weights of the others' columns (n, k + 2), all but the other side's effect, which counts as it is."""
    free = [own, *range(2, others.shape[1])]
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(solved) + 1))
    x, y = others[order][:, free], (rest - others[:, other])[order]
    for row in np.flatnonzero(np.diff(starts)):
        part = slice(starts[row], starts[row + 1])
        ridge = penalty * (starts[row + 1] - starts[row]) + 1.0
        gram = x[part].T @ x[part] + ridge * np.eye(len(free))
        solved[row, free] = np.linalg.solve(gram, x[part].T @ y[part])
