"""Simulated reactions as rows that a recommender may be fitted on, like train rows or beside them.

They are to items that the user did not rate in train, drawn by their fame among train rows. Held-out pairs are neither
preferred nor avoided: where one is drawn, the reaction is that of a simulator that never saw the real one, so that
nothing leaks. Simulated rows come before a user's train rows, so that for a sequence model the test rows still follow
the last real ones.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions


def shown_pairs(
    train: Interactions, per_train_row: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and items, int64 (n,) each, sorted by user: what users are shown beyond what they rated.

    To each user `per_train_row` items for a train row, without repeats, drawn in proportion to the items' train rows
    (the largest of log count + Gumbel noise: Kool et al., arXiv 1903.06059); fewer where no more are left.

    Raises
    ------
    ValueError
        Where no user has an item left.
    """
    with np.errstate(divide="ignore"):
        fame = np.log(np.bincount(train.items, minlength=train.n_items))  # -inf: never rated, never shown
    items: list[NDArray[np.int64]] = []
    for start, end in pairwise(train.offsets):
        keys = fame + rng.gumbel(size=train.n_items)
        keys[train.items[start:end]] = -np.inf
        first = np.argsort(-keys, kind="stable")[: round(per_train_row * int(end - start))]
        items.append(first[np.isfinite(keys[first])])
    users = np.repeat(np.arange(train.n_users), [len(part) for part in items])
    if not len(users):
        raise ValueError(
            "simulated reactions: every user rated all items that anybody rated in train; expected at least one item "
            "that is left: use a dataset with more items"
        )
    return users, np.concatenate(items)


def reactions(
    train: Interactions, users: NDArray[np.int64], items: NDArray[np.int64], likes: NDArray[np.bool_]
) -> Interactions:
    """Simulated reactions as interactions, rated by the mean liked or disliked rating of the train rows.

    Parameters
    ----------
    train
        Real interactions of the same catalogue.
    users, items
        int64 arrays of shape (n,), sorted by user.
    likes
        bool array of shape (n,): the reactions.
    """
    mean = train.ratings.mean()
    liked = train.ratings[train.likes].mean() if train.likes.any() else mean
    disliked = train.ratings[~train.likes].mean() if not train.likes.all() else mean
    ratings = np.where(likes, liked, disliked).astype(np.float32)
    return Interactions(users, items, likes, ratings, train.n_users, train.n_items)


def before(first: Interactions, then: Interactions) -> Interactions:
    """Both, each user's rows of `first` before those of `then`."""
    order = np.argsort(np.concatenate([first.users, then.users]), kind="stable")
    return Interactions(
        np.concatenate([first.users, then.users])[order],
        np.concatenate([first.items, then.items])[order],
        np.concatenate([first.likes, then.likes])[order],
        np.concatenate([first.ratings, then.ratings])[order],
        then.n_users,
        then.n_items,
    )


def share_drawn(pairs: Interactions, rows: Interactions) -> float:
    """Share of the pairs that occur among the rows."""
    wanted, drawn = (part.users * part.n_items + part.items for part in (pairs, rows))
    return float(np.isin(wanted, drawn).mean())
