"""Liked against unseen: can a model tell what a user went on to like from what the user never met.

Source: the protocol of Agent4Rec (arXiv 2310.10108): each user is shown liked held-out items among m times as many
drawn from those that the user never interacted with, and a yes to the former and a no to the latter are right. What a
user never met need not be disliked, so no model that answers "would you like it?" can be right throughout; the figures
are for comparison with that paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from models.interactions import Interactions
from models.metrics.classification import UserBootstrap, auc
from models.metrics.results import Interval, Result

_RATIOS = (1, 3, 9)
_LIKED_PER_USER = 5
_RESAMPLES = 200  # of users, behind each interval
_NO_YES: Any = 0.0  # precision where nothing is accepted; scikit-learn types it by its default, a word

Judge = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""P(like), float32 (n,), of pairs: users and items, int64 (n,) each."""


class Discrimination(Result):
    """One model's figures at one ratio; a yes is a probability from 0.5 on.

    `yes_to_unseen` is the share of unseen items that are accepted.
    """

    model: str
    ratio: int
    n: int
    auc: float
    auc_ci95: Interval
    accuracy: float
    precision: float
    recall: float
    f1: float
    yes_to_unseen: float


def discrimination(
    test: Interactions, earlier: Interactions, judges: Mapping[str, Judge], seed: int
) -> list[Discrimination]:
    """Figures of every model at 1, 3 and 9 unseen items for each liked one; nothing where nothing is liked.

    Parameters
    ----------
    test
        Held-out interactions: up to five liked ones a user are shown.
    earlier
        All other interactions; neither these nor `test` count as unseen.
    judges
        Model to its probabilities.
    seed
        Of the drawing, the same for all models.
    """
    rng = np.random.default_rng(seed)
    liked = _some_liked(test, rng)
    if not len(liked):
        return []
    met = np.unique(
        np.concatenate([earlier.users * earlier.n_items + earlier.items, test.users * test.n_items + test.items])
    )
    rows: list[Discrimination] = []
    for ratio in _RATIOS:
        unseen_users = np.repeat(test.users[liked], ratio)
        users = np.concatenate([test.users[liked], unseen_users])
        items = np.concatenate([test.items[liked], _unseen(unseen_users, test.n_items, met, rng)])
        truth = np.arange(len(users)) < len(liked)
        bootstrap = UserBootstrap(users, truth, _RESAMPLES, seed)
        for name, judge in judges.items():
            probabilities = judge(users, items)
            yes = probabilities >= 0.5
            precision, recall, f1, _ = precision_recall_fscore_support(
                truth, yes, average="binary", zero_division=_NO_YES
            )
            rows.append(
                Discrimination(
                    model=name,
                    ratio=ratio,
                    n=len(users),
                    auc=auc(truth, probabilities),
                    auc_ci95=bootstrap.interval(probabilities),
                    accuracy=float((yes == truth).mean()),
                    precision=float(precision),
                    recall=float(recall),
                    f1=float(f1),
                    yes_to_unseen=float(yes[~truth].mean()),
                )
            )
    return rows


def _some_liked(test: Interactions, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of up to five liked pairs of each user, drawn with equal chances."""
    rows = rng.permutation(np.flatnonzero(test.likes))
    rows = rows[np.argsort(test.users[rows], kind="stable")]
    _, starts, sizes = np.unique(test.users[rows], return_index=True, return_counts=True)
    within = np.arange(len(rows)) - np.repeat(starts, sizes)
    return rows[within < _LIKED_PER_USER]


def _unseen(
    users: NDArray[np.int64], n_items: int, met: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """One item for each of `users` (n,), drawn again while it is among `met`, sorted codes user * n_items + item.

    A user who met more than half of the catalogue may get such an item after all: drawing stops after 50 rounds.
    """
    items = rng.integers(n_items, size=len(users))
    for _ in range(50):
        codes = users * n_items + items
        places = np.searchsorted(met, codes)
        again = np.flatnonzero(met[np.minimum(places, len(met) - 1)] == codes)
        if not len(again):
            break
        items[again] = rng.integers(n_items, size=len(again))
    return items
