"""Interactions and histories as arrays: the one shape in which models see what users did.

Users and items are row numbers, 0 .. n - 1. Padding is `NO_ITEM` (-1), so that item 0 is an item like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NO_ITEM = -1
UNKNOWN_RATING = np.float32(np.nan)
_ROWS_AT_ONCE = 4096


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

    @cached_property
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
        offsets = self.offsets
        starts, ends = offsets[users], offsets[users + 1]
        starts = np.maximum(starts, ends - max_length)
        lengths = ends - starts
        width = max(1, int(lengths.max(initial=0)))
        positions = starts[:, None] + np.arange(width)
        inside = np.arange(width) < lengths[:, None]
        if not len(self):
            return Histories(np.full(inside.shape, NO_ITEM), np.zeros(inside.shape, dtype=bool))
        positions = np.where(inside, positions, 0)
        return Histories(
            np.where(inside, self.items[positions], NO_ITEM),
            self.likes[positions] & inside,
            np.where(inside, self.ratings[positions], UNKNOWN_RATING),
        )

    def histories_by_parts(self, users: NDArray[np.int64], max_length: int) -> Iterator[tuple[slice, Histories]]:
        """`histories` of consecutive rows of `users`, in parts, at least one: memory does not grow with their number.

        Yields
        ------
        The rows of a part and their histories.
        """
        for start in range(0, max(1, len(users)), _ROWS_AT_ONCE):
            rows = slice(start, min(start + _ROWS_AT_ONCE, len(users)))
            yield rows, self.histories(users[rows], max_length)


@dataclass(frozen=True)
class Histories:
    """A batch of reaction histories, oldest first, padded on the right with `NO_ITEM`.

    Parameters
    ----------
    items
        int64 array of shape (b, l).
    likes
        bool array of shape (b, l); False on padding.
    given_ratings
        float32 array of shape (b, l): the ratings behind the likes, `UNKNOWN_RATING` where there is only a like or
        dislike (a simulated reaction) and on padding; None where no rating is known.
    """

    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    given_ratings: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool array of shape (b, l): True where there is an interaction."""
        return self.items != NO_ITEM

    @property
    def ratings(self) -> NDArray[np.float32]:
        """float32 array of shape (b, l): the ratings, `UNKNOWN_RATING` (NaN) where one is not known."""
        if self.given_ratings is None:
            return np.full(self.items.shape, UNKNOWN_RATING, dtype=np.float32)
        return self.given_ratings

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Histories:
        return Histories(
            self.items[rows], self.likes[rows], None if self.given_ratings is None else self.given_ratings[rows]
        )

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
        """Items, likes and ratings, C-contiguous as compiled loops want them; copied only where needed."""
        return (
            np.ascontiguousarray(self.items),
            np.ascontiguousarray(self.likes),
            np.ascontiguousarray(self.ratings),
        )

    def copy(self) -> Histories:
        """The same reactions in arrays of their own."""
        return Histories(self.items.copy(), self.likes.copy(), self.ratings.copy())

    def without(self, left_out: NDArray[np.bool_]) -> Histories:
        """The histories without the reactions that are True in `left_out` (b, l), still padded on the right only."""
        kept = self.mask & ~left_out
        order = np.argsort(~kept, axis=1, kind="stable")  # those that stay come first, in their order
        histories, there = self.columns(order), np.take_along_axis(kept, order, axis=1)
        return Histories(np.where(there, histories.items, NO_ITEM), histories.likes & there, histories.ratings)

    def columns(self, columns: NDArray[np.int64]) -> Histories:
        """The interactions at positions `columns` (b, m) of each row."""
        return Histories(
            np.take_along_axis(self.items, columns, axis=1),
            np.take_along_axis(self.likes, columns, axis=1),
            np.take_along_axis(self.ratings, columns, axis=1),
        )


def last(histories: Histories, n: int) -> Histories:
    """The last n interactions of each history, padded on the right; at most n wide."""
    if histories.items.shape[1] <= n:
        return histories
    lengths = histories.mask.sum(axis=1)
    width = int(min(n, lengths.max(initial=0)))
    columns = np.maximum(lengths - width, 0)[:, None] + np.arange(width)  # within bounds: lengths <= full width
    return histories.columns(columns)
