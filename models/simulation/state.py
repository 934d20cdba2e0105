"""What running sessions came to: what their users reacted to before and in them, SASRec's states of it, rewards."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from models.kernels.compiled import Plain, plain
from models.simulation import session_kernels as session_arrays
from models.simulation.session_kernels import STATE_BOUND, SessionArrays, TrainingReactions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.voted_step import VotedStep, voted_step

_FEW, _SHARE = 32, 0.05  # known states that are worked out again, as to pick out the others takes as long
_ROOM = 8  # reactions, for which there is room at first and whenever there is none


class RunningSessions:
    """b sessions as they go on.

    Parameters
    ----------
    simulator
        Whose users; their training reactions come first, and its SASRec makes the states.
    settings
        Rules of a session.
    catalogue
        int64 array of shape (n,): the items that may be shown.
    b
        Number of sessions.

    Attributes
    ----------
    arrays
        What is counted of them, as a `SessionArrays`.
    histories
        All reactions that are remembered, with room for the longest; arrays that change as these do.
    states
        float32 array of shape (b, d): SASRec's states, up to date in the rows that `know_states` was called for.
    """

    def __init__(
        self, simulator: UserSimulator, settings: EnvironmentSettings, catalogue: NDArray[np.int64], b: int
    ) -> None:
        self._simulator, self._catalogue, known = simulator, catalogue, simulator.interactions
        self._remembered = min(settings.max_history, simulator.max_history)
        self._training = plain(TrainingReactions(known.offsets, known.items, known.likes, known.ratings))
        self._known_action_of = np.full(simulator.n_items, NO_ITEM)  # where what users know earns nothing
        if settings.known_items == "penalise":
            self._known_action_of[catalogue] = np.arange(len(catalogue))
        # what was shown beside the item taken is not seen: good items would be used up
        self._rules = 0 - settings.seen_penalty, settings.repeats == "penalise"
        self._limits = settings.max_steps, self._remembered, STATE_BOUND
        self.states, self._n_known = np.zeros((b, simulator.sasrec.settings.width), dtype=np.float32), 0
        self._observed: NDArray[np.float32] | None = None
        self._take(SessionArrays.of(_empty(b, min(self._remembered, _ROOM)), len(catalogue)))

    def _take(self, arrays: SessionArrays) -> None:
        self.arrays, self._plain, self._rows = arrays, tuple(arrays), np.arange(len(arrays.items))
        self.histories = Histories(arrays.items, arrays.likes, arrays.ratings)

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64]) -> None:
        """Begin anew in `rows`, with what `users` reacted to in training."""
        self._observed = None
        if self._may_grow:
            offsets = self._simulator.interactions.offsets
            self._make_room(int((offsets[users + 1] - offsets[users]).max(initial=0)))
        self._n_known = session_arrays.begin(rows, users, self._training, self._known_action_of, self._plain)

    def react(
        self, shown: NDArray[np.int64], earned: NDArray[np.float32], liked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
        """Go on by a step; arguments and results are those of the loop `react`, (b,) each.

        A reaction to what was not seen joins the history, without rating; a full one forgets its oldest.
        """
        if self._may_grow:
            self._make_room(int(self.arrays.lengths.max(initial=0)) + 1)
        self._observed = None
        found = session_arrays.react(shown, earned, liked, self._catalogue, self._plain, self._rules)
        items, repeated, rewards, self._n_known = found
        return items, repeated, rewards

    def vote(
        self,
        actions: NDArray[np.int64],
        users: NDArray[np.int64],
        ahead: Plain,
        ends: tuple[NDArray[np.floating], NDArray[np.int64]],
    ) -> VotedStep:
        """Go on by a step in one compiled pass: users vote on an item each, react, stay or leave, are observed.

        Only where `votes_alone` says so.

        Parameters
        ----------
        actions
            int64 array of shape (b,): places in the catalogue.
        users
            int64 array of shape (b,): whose sessions they are; changed where others come.
        ahead
            `RandomStreams.ahead`.
        ends
            Chances (b,) that sessions end, and who may come next.
        """
        if self._may_grow:
            self._make_room(max(int(self.arrays.lengths.max(initial=0)) + 1, self._longest))
        self.know_states(self._rows)
        sasrec, voters = self._simulator.sasrec.one_block, self._simulator.models.voters(self._catalogue[actions])
        assert sasrec is not None  # as `votes_alone` says
        rules = self._catalogue, self._rules, *ends, self._training, self._known_action_of, self._limits
        step = VotedStep(*voted_step((*voters, sasrec), rules, self._plain, self.states, ahead, actions, users))
        self.states, self._n_known, self._observed = step.states, step.n_known, step.observed if step.begun else None
        return step

    def observe(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The part "user" of observations in `rows`; see `SessionBatch.observations`."""
        self.know_states(rows)
        return session_arrays.observe(rows, self.states, self._plain, self._limits)

    def observe_all(self) -> NDArray[np.float32]:
        """`observe` of all sessions, which the last step may have done."""
        observed, self._observed = self._observed, None
        return self.observe(self._rows) if observed is None else observed

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with `rows` only, in that order."""
        self._observed = None
        self._take(SessionArrays._make(array[rows] for array in self.arrays))
        self.states, self._n_known = self.states[rows], int(self.arrays.states_known.sum())

    @cached_property
    def _longest(self) -> int:
        """Reactions in training of the user who has most."""
        return int(np.diff(self._simulator.interactions.offsets).max(initial=0))

    @property
    def _may_grow(self) -> bool:
        return self.arrays.items.shape[1] < self._remembered

    def _make_room(self, length: int) -> None:
        """Have room for histories of that length, where so much is remembered, and for a few reactions more."""
        before = self.histories
        if length <= before.items.shape[1]:
            return
        wider = _empty(len(before), min(length + _ROOM, self._remembered)).arrays()
        for room, known in zip(wider, before.arrays(), strict=True):
            room[:, : known.shape[1]] = known
        self._take(self.arrays._replace(items=wider.items, likes=wider.likes, ratings=wider.ratings))

    def latest(self, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The last n reactions, latest first, and whether there were so many: bool (b, n) each."""
        places = self.arrays.lengths[:, None] - 1 - np.arange(n)
        known = places >= 0
        return np.take_along_axis(self.arrays.likes, np.maximum(places, 0), axis=1) & known, known

    def know_states(self, rows: NDArray[np.int64]) -> None:
        """Work out the states in `rows`, each named once, where they are not known; they change with the history."""
        known, b = self.arrays.states_known, len(self.states)
        if self._n_known == b:
            return
        if len(rows) == b and self._n_known < max(_FEW, _SHARE * b):
            self.states, self._n_known = self._simulator.states(self.histories), b
            known[:] = True
            return
        unknown = rows[~known[rows]]
        if len(unknown):
            self.states[unknown] = self._simulator.states(self.histories[unknown])
            known[unknown] = True
            self._n_known += len(unknown)


def _empty(b: int, width: int) -> Histories:
    shape = b, width
    ratings = np.full(shape, UNKNOWN_RATING, dtype=np.float32)
    return Histories(np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool), ratings)
