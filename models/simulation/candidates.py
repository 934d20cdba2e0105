"""The candidates that running sessions choose among, worked out when they are needed, after every step anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM
from models.kernels.compiled import loop
from models.simulation.item_space import ItemSpace
from models.simulation.settings import EnvironmentSettings


class Candidates:
    """K items for each of b sessions: those nearest to the user, then some drawn at random.

    Parameters
    ----------
    settings
        How many, and how many of them at random.
    n_actions
        Size of the catalogue.
    b
        Number of sessions.

    Attributes
    ----------
    n
        K, no more than the catalogue has.
    """

    def __init__(self, settings: EnvironmentSettings, n_actions: int, b: int) -> None:
        self.n, self._offers = min(settings.candidates, n_actions), settings.offers
        self._numbers = np.zeros((b, settings.explored))
        self._offered = np.zeros((b, self.n), dtype=np.int64)
        self._current = np.zeros(b, dtype=bool)

    def draw(self, rows: NDArray[np.int64], numbers: NDArray[np.float64]) -> None:
        """Draw the next candidates in `rows` by uniform numbers of shape (len(rows), at least explored)."""
        if self._offers:
            self._numbers[rows] = numbers[:, : self._numbers.shape[1]]
            self.change(rows)

    def change(self, rows: NDArray[np.int64]) -> None:
        """The users in `rows`, or what they have seen, changed."""
        if self._offers:
            self._current[rows] = False

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the sessions in `rows` only, in that order."""
        self._numbers, self._offered, self._current = self._numbers[rows], self._offered[rows], self._current[rows]

    def offered(
        self,
        space: ItemSpace,
        user_vectors: Callable[[NDArray[np.int64]], NDArray[np.float32]],
        seen: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Places in the catalogue: int64 (b, K).

        Parameters
        ----------
        space
            That "near" is meant in.
        user_vectors
            Vectors there of the users in some rows.
        seen
            bool array of shape (b, n_actions): candidates only where nothing else is left.
        """
        stale = np.flatnonzero(~self._current)
        if len(stale):
            numbers, closed = self._numbers[stale], seen[stale]
            nearest = space.nearest(user_vectors(stale), closed, max(self.n - numbers.shape[1], 1))
            self._offered[stale] = _offer(nearest, numbers, closed, self.n)
            self._current[stale] = True
        return self._offered


@loop
def open_instead(actions: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Actions (b, k) with each that was seen (b, n) replaced by the next that is not and no other of its row's."""
    moved, n = actions.copy(), seen.shape[1]
    for row in range(len(actions)):
        for place in range(actions.shape[1]):
            if not seen[row, actions[row, place]]:
                continue
            for step in range(1, n):
                action = (actions[row, place] + step) % n
                if not seen[row, action] and not (moved[row] == action).any():
                    moved[row, place] = action
                    break
    return moved


@loop
def _offer(
    nearest: NDArray[np.int64], numbers: NDArray[np.float64], seen: NDArray[np.bool_], k: int
) -> NDArray[np.int64]:
    """Candidates (b, k): the nearest, then for each of e numbers (b, e) the first open item from where it points to.

    Where the nearest are fewer than k - e, `NO_ITEM` among them, the first open items fill up, then seen ones.
    """
    b, explored = numbers.shape
    n = seen.shape[1]
    offered, chosen = np.empty((b, k), dtype=np.int64), np.zeros(n, dtype=np.bool_)
    for row in range(b):
        filled = 0
        for item in nearest[row]:
            if item != NO_ITEM and filled < k - explored:
                offered[row, filled], chosen[item] = item, True
                filled += 1
        drawn = 0
        while filled < k:
            start = int(numbers[row, drawn] * n) if drawn < explored else 0
            drawn += 1
            item = _first_free(start, chosen | seen[row])
            if item == NO_ITEM:
                item = _first_free(start, chosen)
            offered[row, filled], chosen[item] = item, True
            filled += 1
        chosen[offered[row]] = False
    return offered


@loop
def _first_free(start: int, closed: NDArray[np.bool_]) -> int:
    n = len(closed)
    for step in range(n):
        if not closed[(start + step) % n]:
            return (start + step) % n
    return NO_ITEM
