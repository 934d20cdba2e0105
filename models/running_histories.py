"""What the users of running sessions reacted to, the sessions included, with SASRec's states of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models import session_arrays
from models.compiled import plain
from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from models.session_arrays import TrainingReactions
from models.simulator import UserSimulator

_NEARLY_ALL = 0.95
_ROOM = 8  # reactions, for which there is room at first and whenever there is none


class RunningHistories:
    """The last reactions of b users, as they grow.

    Parameters
    ----------
    simulator
        Whose users; their training reactions come first, and its SASRec makes the states.
    width
        Reactions that are remembered, w.
    b
        Number of users.

    Attributes
    ----------
    width
        Reactions that are remembered.
    training
        All users' `TrainingReactions`, as a `plain` tuple.
    histories
        All of them, with room for the longest; arrays that change as these do.
    states
        float32 array of shape (b, d): SASRec's states, up to date in the rows that `know_states` was called for.
    """

    def __init__(self, simulator: UserSimulator, width: int, b: int) -> None:
        self._simulator, self.width, known = simulator, width, simulator.interactions
        self.training = plain(TrainingReactions(known.offsets, known.items, known.likes, known.ratings))
        self._lengths = np.zeros(b, dtype=np.int64)
        self.histories = _empty(b, min(width, _ROOM))
        self.states = np.zeros((b, simulator.sasrec.settings.width), dtype=np.float32)
        self._known_states, self._n_known = np.zeros(b, dtype=bool), 0

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64]) -> None:
        """Fill `rows` with what `users` reacted to in training."""
        if self._may_grow:
            offsets = self._simulator.interactions.offsets
            self._make_room(int((offsets[users + 1] - offsets[users]).max(initial=0)))
        self._n_known = session_arrays.begin(rows, users, self.training, tuple(self.histories.arrays()), self._upkeep)

    def append(self, items: NDArray[np.int64], likes: NDArray[np.bool_], left_out: NDArray[np.bool_]) -> None:
        """Add one reaction (b,), without rating, to each history but those left out (b,); `NO_ITEM` is none.

        A full history forgets its oldest.
        """
        if self._may_grow:
            self._make_room(int(self._lengths.max(initial=0)) + 1)
        arrays = tuple(self.histories.arrays())
        self._n_known = session_arrays.append(arrays, self._upkeep, items, likes, left_out)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with `rows` only, in that order."""
        self.histories, self._lengths = self.histories[rows], self._lengths[rows]
        self.states, self._known_states = self.states[rows], self._known_states[rows]
        self._n_known = int(self._known_states.sum())

    @property
    def _upkeep(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return self._lengths, self._known_states

    @property
    def _may_grow(self) -> bool:
        return self.histories.items.shape[1] < self.width

    def _make_room(self, length: int) -> None:
        """Have room for histories of that length, where so much is remembered, and for a few reactions more."""
        before = self.histories
        if length <= before.items.shape[1]:
            return
        self.histories = _empty(len(before), min(length + _ROOM, self.width))
        for wider, known in zip(self.histories.arrays(), before.arrays(), strict=True):
            wider[:, : known.shape[1]] = known

    def latest(self, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The last n reactions, latest first, and whether there were so many: bool (b, n) each."""
        places = self._lengths[:, None] - 1 - np.arange(n)
        known = places >= 0
        return np.take_along_axis(self._likes, np.maximum(places, 0), axis=1) & known, known

    def know_states(self, rows: NDArray[np.int64]) -> None:
        """Work out the states in `rows`, each named once, where they are not known; they change with the history."""
        b = len(self._lengths)
        if self._n_known == b:
            return
        if len(rows) == b and b - self._n_known > _NEARLY_ALL * b:  # as after most steps: to pick them out takes longer
            self.states, self._n_known = self._simulator.states(self.histories), b
            self._known_states[:] = True
            return
        unknown = rows[~self._known_states[rows]]
        if len(unknown):
            self.states[unknown] = self._simulator.states(self.histories[unknown])
            self._known_states[unknown] = True
            self._n_known += len(unknown)


def _empty(b: int, width: int) -> Histories:
    shape = b, width
    ratings = np.full(shape, UNKNOWN_RATING, dtype=np.float32)
    return Histories(np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool), ratings)
