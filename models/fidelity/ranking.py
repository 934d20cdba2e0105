"""How well scores order lists of items: AUC and NDCG of a user's list, and the choice of its first item.

A list is a user's held-out items, which the user really met. Users who liked all of it, or nothing, cannot be served
well or badly and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.metrics.classification import UserBootstrap
from models.metrics.results import Interval, Result

NO_PAIR = 1e-9
"""Expected number of pairs of a like and a dislike below which there is none."""


class ListChoice(Result):
    """One model's figures.

    `first_liked` is the share of users whose highest-scored item is liked, `by_chance` that of an item drawn blindly;
    `pairs_right` the mean over users of the chance that a liked item of theirs is scored above a disliked one.
    """

    model: str
    users: int
    first_liked: float
    first_liked_ci95: Interval
    by_chance: float
    pairs_right: float


def list_choice(
    test: Interactions,
    scores: Mapping[str, NDArray[np.float32]],
    n_resamples: int = 500,
    seed: int = 0,
) -> list[ListChoice]:
    """Figures of every model; nothing where no user has both a like and a dislike.

    Parameters
    ----------
    test
        n held-out interactions, sorted by user.
    scores
        Model to its scores, float32 (n,).
    n_resamples, seed
        Of the bootstrap over users.
    """
    likes, lists = test.likes, mixed_lists(test)
    if not lists:
        return []
    one_each = np.arange(len(lists))
    chance = np.array([likes[rows].mean() for rows in lists])
    bootstrap = UserBootstrap(one_each, np.ones(len(lists), dtype=bool), n_resamples, seed)
    figures: list[ListChoice] = []
    for name, score in scores.items():
        first = np.array([likes[rows][score[rows] == score[rows].max()].mean() for rows in lists])  # ties shared
        figures.append(
            ListChoice(
                model=name,
                users=len(lists),
                first_liked=float(first.mean()),
                first_liked_ci95=bootstrap.mean_difference_interval(first, np.zeros(len(lists))),
                by_chance=float(chance.mean()),
                pairs_right=float(np.mean([_pairs_right(score[rows], likes[rows]) for rows in lists])),
            )
        )
    return figures


def mixed_lists(interactions: Interactions) -> list[NDArray[np.int64]]:
    """Rows of every user who has both a like and a dislike."""
    lists = np.split(np.arange(len(interactions)), interactions.offsets[1:-1])
    liked = interactions.likes
    return [rows for rows in lists if liked[rows].any() and not liked[rows].all()]


def user_auc(scores: NDArray[np.float32], gains: NDArray[np.float32]) -> float:
    """Chance that a liked item is scored above a disliked one, ties counting half.

    Parameters
    ----------
    scores
        float32 array of shape (n,).
    gains
        float32 array of shape (n,): 1 for a like, 0 for a dislike, or a probability p, which counts as a like by p and
        as a dislike by 1 - p.

    Returns
    -------
    0.5 where nothing is liked or nothing disliked.
    """
    return weighted_user_auc(scores, gains)[0]


def weighted_user_auc(scores: NDArray[np.float32], gains: NDArray[np.float32]) -> tuple[float, float]:
    """`user_auc`, and the expected number of pairs of a like and a dislike that it is the mean of."""
    p, q = gains.astype(np.float64), 1 - gains.astype(np.float64)
    _, group = np.unique(scores, return_inverse=True)
    disliked = np.bincount(group, weights=q)
    below = disliked.cumsum() - disliked
    itself = (p * q).sum()  # an item is not compared with itself
    pairs = p.sum() * q.sum() - itself
    if pairs <= NO_PAIR:
        return 0.5, 0.0
    return float(((p * (below + disliked / 2)[group]).sum() - itself / 2) / pairs), float(pairs)


def ndcg(scores: NDArray[np.float32], gains: NDArray[np.float32]) -> float:
    """Normalised discounted cumulative gain of a list in the order of its scores, high to low; ties share their ranks.

    Parameters
    ----------
    scores, gains
        float32 arrays of shape (n,); gains are not negative.
    """
    discounts = 1 / np.log2(np.arange(2, len(scores) + 2))
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    ends = sizes.cumsum()
    summed = np.concatenate([[0.0], discounts.cumsum()])
    shared = (summed[ends] - summed[ends - sizes]) / sizes  # mean discount of each group of equal scores
    best = np.sort(gains)[::-1] @ discounts
    return float(gains @ shared[group] / best) if best > 0 else 0.0


def _pairs_right(scores: NDArray[np.float32], likes: NDArray[np.bool_]) -> float:
    differences = scores[likes][:, None] - scores[~likes][None, :]
    return float((np.sign(differences) + 1).mean() / 2)
