"""The candidates that running sessions choose among: found when they are asked for, after every step anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.simulation import session_kernels as session_arrays
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
        self._known = np.zeros(b, dtype=bool)

    def draw(self, rows: NDArray[np.int64], numbers: NDArray[np.float64]) -> None:
        """Let uniform numbers, of shape (len(rows), at least explored), draw the next candidates in `rows`."""
        if self._offers:
            self._numbers[rows] = numbers[:, : self._numbers.shape[1]]
            self.change(rows)

    def change(self, rows: NDArray[np.int64]) -> None:
        """The users in `rows`, or what they know, changed."""
        if self._offers:
            self._known[rows] = False

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the sessions in `rows` only, in that order."""
        self._numbers, self._offered, self._known = self._numbers[rows], self._offered[rows], self._known[rows]

    def offered(
        self,
        space: ItemSpace,
        tastes: Callable[[NDArray[np.int64]], NDArray[np.float32]],
        seen: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Places in the catalogue: int64 (b, K).

        Parameters
        ----------
        space
            That "near" is meant in.
        tastes
            Vectors there of the users in some rows.
        seen
            bool array of shape (b, n_actions): candidates only where nothing else is left.
        """
        stale = np.flatnonzero(~self._known)
        if len(stale):
            numbers, closed = self._numbers[stale], seen[stale]
            nearest = space.nearest(tastes(stale), closed, max(self.n - numbers.shape[1], 1))
            self._offered[stale] = session_arrays.offer(nearest, numbers, closed, self.n)
            self._known[stale] = True
        return self._offered
