"""Interactions and histories as arrays: the one shape in which models see what users did.

Users and items are row numbers, 0 .. n - 1. Padding is `NO_ITEM` (-1), so that item 0 is an item like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_ITEM = -1


@dataclass(frozen=True)
class Interactions:
    """Reactions of users to items, sorted by user, and within a user by time.

    Parameters
    ----------
    users, items
        int64 arrays of shape (n,): row numbers.
    likes
        bool array of shape (n,): rating at or above the dataset's like threshold.
    ratings
        float32 array of shape (n,): on the dataset's own scale.
    n_users, n_items
        Sizes of the whole user and item tables, not only of those that occur.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    ratings: NDArray[np.float32]
    n_users: int
    n_items: int

    def __post_init__(self) -> None:
        if not len(self.users) == len(self.items) == len(self.likes) == len(self.ratings):
            raise ValueError("users, items, likes and ratings must have the same length")
        if np.any(np.diff(self.users) < 0):
            raise ValueError("interactions must be sorted by user; sort by user_id, then order")

    def __len__(self) -> int:
        return len(self.users)

    def offsets(self) -> NDArray[np.int64]:
        """int64 array of shape (n_users + 1,): user u's interactions are rows offsets[u] to offsets[u + 1]."""
        return np.searchsorted(self.users, np.arange(self.n_users + 1))

    def histories(self, users: NDArray[np.int64], max_length: int) -> Histories:
        """The last `max_length` interactions of each of `users`, oldest first, padded on the right.

        Parameters
        ----------
        users
            int64 array of shape (b,): row numbers, repeats allowed.
        max_length
            Width limit; the result is as wide as the longest history found, at least 1.
        """
        offsets = self.offsets()
        starts, ends = offsets[users], offsets[users + 1]
        starts = np.maximum(starts, ends - max_length)
        lengths = ends - starts
        width = max(1, int(lengths.max(initial=0)))
        positions = starts[:, None] + np.arange(width)
        inside = np.arange(width) < lengths[:, None]
        if not len(self):
            return Histories(np.full(inside.shape, NO_ITEM), np.zeros(inside.shape, dtype=bool))
        positions = np.where(inside, positions, 0)
        return Histories(np.where(inside, self.items[positions], NO_ITEM), self.likes[positions] & inside)


@dataclass(frozen=True)
class Histories:
    """A batch of reaction histories, oldest first, padded on the right with `NO_ITEM`.

    Parameters
    ----------
    items
        int64 array of shape (b, l).
    likes
        bool array of shape (b, l); False on padding.
    """

    items: NDArray[np.int64]
    likes: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool array of shape (b, l): True where there is an interaction."""
        return self.items != NO_ITEM

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Histories:
        return Histories(self.items[rows], self.likes[rows])
