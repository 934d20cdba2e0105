"""Users' tastes as sessions go on: a step adds an item and forgets one, the others stay summed.

Sums of whole numbers of small units are exact, so that in whatever order they were added up, a taste is that of its
history and of nothing before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import Plain, inner_loop, loop
from models.kernels.threads import by_blocks

_PSEUDO_REACTIONS = np.float32(1.0)
_UNITS = 2.0**20  # of 1
_MOST_IN_32_BITS = 2**11 - 1  # numbers of at most 1 whose sum is below 2 ** 31 units


def in_units(described: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers from -1 to 1 at the nearest 2 ** -20."""
    return (np.rint(described * _UNITS) / _UNITS).astype(np.float32)


class _Summed(NamedTuple):
    """What b histories were when they were last asked about, and what their items add up to.

    Parameters
    ----------
    items, likes
        Arrays of shape (b, w).
    lengths
        int64 array of shape (b,).
    sums
        int32 or int64 array of shape (b, 2, t), in units: over the disliked items, and over the liked ones.
    """

    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    lengths: NDArray[np.int64]
    sums: NDArray[np.signedinteger]

    def of(self, rows: slice) -> Plain:
        """Those of some consecutive rows, which change with these, as a `plain` tuple."""
        if rows.stop - rows.start == len(self.items):
            return tuple(self)
        return self.items[rows], self.likes[rows], self.lengths[rows], self.sums[rows]


class RunningTastes:
    """Tastes of b users as their histories grow.

    Parameters
    ----------
    described
        float32 array of shape (n_items, t), `in_units`: a pro block, a con block, a category block.
    ends
        int64 array of shape (3,): where the blocks end.
    b
        Number of users.
    """

    def __init__(self, described: NDArray[np.float32], ends: NDArray[np.int64], b: int) -> None:
        self._described, self._ends, self._b = np.rint(described * _UNITS).astype(np.int32), ends, b
        self._summed = self._nothing(0)

    def users(self, histories: Histories) -> NDArray[np.float32]:
        """What the users of b histories like: float32 array of shape (b, t)."""
        arrays, (b, width) = histories.arrays(), histories.items.shape
        if width > self._summed.items.shape[1]:
            self._summed = self._nothing(width)
        summed = self._summed
        parts = by_blocks(lambda rows: _tastes(self._described, self._ends, arrays.of(rows), summed.of(rows)), b)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _nothing(self, width: int) -> _Summed:
        shape = self._b, width
        units = np.int32 if width <= _MOST_IN_32_BITS else np.int64
        sums = np.zeros((self._b, 2, self._described.shape[1]), dtype=units)
        return _Summed(np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool), np.zeros(self._b, dtype=np.int64), sums)


@loop
def _tastes(
    described: NDArray[np.int32],
    ends: NDArray[np.int64],
    histories: Plain,
    before: Plain,
) -> NDArray[np.float32]:
    """Means over the history: liked items in the pro block, disliked ones off the con block, both in the categories."""
    (items, likes, _), summed = histories, _Summed(*before)
    tastes = np.empty((len(items), described.shape[1]), dtype=np.float32)
    for row in range(len(items)):
        n = liked = 0
        for t in range(items.shape[1]):
            n += items[row, t] != NO_ITEM
            liked += likes[row, t]
        _follow(described, items, likes, row, n, summed)
        disliked_sums, liked_sums, own = summed.sums[row, 0], summed.sums[row, 1], tastes[row]
        usual, share = np.float32(liked / max(n, 1)), np.float32(1 / (n + _PSEUDO_REACTIONS) / _UNITS)
        for k in range(ends[0]):
            own[k] = np.float32(liked_sums[k]) * share
        for k in range(ends[0], ends[1]):
            own[k] = np.float32(-disliked_sums[k]) * share
        for k in range(ends[1], ends[2]):
            own[k] = (np.float32(liked_sums[k]) - usual * np.float32(disliked_sums[k] + liked_sums[k])) * share
    return tastes


@inner_loop
def _follow(  # noqa: PLR0917 - what a row needs
    described: NDArray[np.int32],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    row: int,
    n: int,
    summed: _Summed,
) -> None:
    """Make the sums of a row those of its n reactions, by what changed where that is the oldest or the newest one."""
    known, gone = _known(items, likes, row, n, summed)
    if known < 0:
        known = 0
        for which in range(2):
            sums = summed.sums[row, which]
            for k in range(len(sums)):
                sums[k] = 0
    elif gone:
        sums, item = summed.sums[row, int(summed.likes[row, 0])], summed.items[row, 0]
        for k in range(len(sums)):
            sums[k] -= described[item, k]
    for t in range(known, n):
        sums, item = summed.sums[row, int(likes[row, t])], items[row, t]
        for k in range(len(sums)):
            sums[k] += described[item, k]
    for t in range(0 if gone else known, n):
        summed.items[row, t], summed.likes[row, t] = items[row, t], likes[row, t]
    summed.lengths[row] = n


@inner_loop
def _known(items: NDArray[np.int64], likes: NDArray[np.bool_], row: int, n: int, summed: _Summed) -> tuple[int, int]:
    """How many of a row's n reactions were summed, all but the last at least, and how many of those before are gone.

    -1 where it is another history.
    """
    for gone in range(2):
        kept = summed.lengths[row] - gone
        if kept < 0 or not n - 1 <= kept <= n:
            continue
        others = 0
        for t in range(kept):
            others += items[row, t] != summed.items[row, t + gone]
            others += likes[row, t] != summed.likes[row, t + gone]
        if not others:
            return kept, gone
    return -1, 0
