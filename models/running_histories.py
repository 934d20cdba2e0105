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
    training
        All users' `TrainingReactions`, as a `plain` tuple.
    states
        float32 array of shape (b, d): SASRec's states, up to date in the rows that `know_states` was called for.
    """

    def __init__(self, simulator: UserSimulator, width: int, b: int) -> None:
        self._simulator, known = simulator, simulator.interactions
        self.training = plain(TrainingReactions(known.offsets, known.items, known.likes, known.ratings))
        self._items = np.full((b, width), NO_ITEM)
        self._likes = np.zeros((b, width), dtype=bool)
        self._ratings = np.full((b, width), UNKNOWN_RATING, dtype=np.float32)
        self._lengths = np.zeros(b, dtype=np.int64)
        self.states = np.zeros((b, simulator.sasrec.settings.width), dtype=np.float32)
        self._known_states, self._all_known = np.zeros(b, dtype=bool), False
        self._histories: Histories | None = None

    @property
    def histories(self) -> Histories:
        """All of them, as wide as the longest; views, which change as these do."""
        histories = self._histories
        if histories is None:
            width = max(1, int(self._lengths.max(initial=0)))
            histories = Histories(self._items[:, :width], self._likes[:, :width], self._ratings[:, :width])
            self._histories = histories
        return histories

    @property
    def arrays(self) -> session_arrays.Histories:
        """All of them in their whole width."""
        return self._items, self._likes, self._ratings

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64]) -> None:
        """Fill `rows` with what `users` reacted to in training."""
        session_arrays.begin(rows, users, self.training, self.arrays, self._lengths)
        self._known_states[rows] = False
        self._changed()

    def append(self, items: NDArray[np.int64], likes: NDArray[np.bool_], left_out: NDArray[np.bool_]) -> None:
        """Add one reaction (b,), without rating, to each history but those left out (b,); `NO_ITEM` is none.

        A full history forgets its oldest.
        """
        session_arrays.append(self.arrays, (self._lengths, self._known_states), items, likes, left_out)
        self._changed()

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with `rows` only, in that order."""
        self._items, self._likes, self._lengths = self._items[rows], self._likes[rows], self._lengths[rows]
        self._ratings = self._ratings[rows]
        self.states, self._known_states = self.states[rows], self._known_states[rows]
        self._changed()

    def _changed(self) -> None:
        self._all_known, self._histories = False, None

    def latest(self, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The last n reactions, latest first, and whether there were so many: bool (b, n) each."""
        places = self._lengths[:, None] - 1 - np.arange(n)
        known = places >= 0
        return np.take_along_axis(self._likes, np.maximum(places, 0), axis=1) & known, known

    def know_states(self, rows: NDArray[np.int64]) -> None:
        """Work out the states in `rows`, each named once, where they are not known; they change with the history."""
        if self._all_known:
            return
        unknown = rows[~self._known_states[rows]]
        if len(unknown) > _NEARLY_ALL * len(self._items):  # as after most steps: picking them out would take longer
            self.states, self._all_known = self._simulator.states(self.histories), True
            self._known_states[:] = True
            return
        if len(unknown):
            self.states[unknown] = self._simulator.states(self.histories[unknown])
            self._known_states[unknown] = True
        self._all_known = len(rows) == len(self._items)
