"""Choice from a list: how often the item that a model expects a user to like most turns out to be liked.

Each user's held-out items are a list that the user really met. Users who liked all of it, or nothing, cannot be chosen
for well or badly and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.metrics.classification import UserBootstrap
from models.metrics.results import Interval, Result


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


def _pairs_right(scores: NDArray[np.float32], likes: NDArray[np.bool_]) -> float:
    differences = scores[likes][:, None] - scores[~likes][None, :]
    return float((np.sign(differences) + 1).mean() / 2)
