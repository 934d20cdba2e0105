"""State of running sessions: a history with the session's reactions appended, what was seen, and the rewards so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories, Interactions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

STATE_BOUND = 10.0  # of SASRec's state in an observation
STATISTICS = 5  # that follow on it there


class SessionState:
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
    lengths
        int64 array of shape (b,): of the histories.
    seen
        bool array of shape (b, n): what earns nothing if it is shown.
    earned, last_rewards
        Sum of rewards, float64, and last reward, float32: arrays of shape (b,).
    steps
        int64 array of shape (b,): taken so far.
    """

    def __init__(
        self, simulator: UserSimulator, settings: EnvironmentSettings, catalogue: NDArray[np.int64], b: int
    ) -> None:
        self._simulator, self._settings, self._catalogue = simulator, settings, catalogue
        self._training: Interactions = simulator.interactions
        longest = int(np.diff(self._training.offsets).max(initial=0))
        width = min(simulator.max_history, longest + settings.max_steps)
        self._action_of = np.full(simulator.n_items, NO_ITEM)  # of items that count as seen from the beginning
        if settings.known_items == "penalise":
            self._action_of[catalogue] = np.arange(len(catalogue))
        self._histories = _empty(b, width)
        self.lengths, self.steps = np.zeros(b, dtype=np.int64), np.zeros(b, dtype=np.int64)
        self.seen = np.zeros((b, len(catalogue)), dtype=bool)
        self.earned, self.last_rewards = np.zeros(b), np.zeros(b, dtype=np.float32)
        self._states: NDArray[np.float32] | None = None

    @property
    def histories(self) -> Histories:
        """The last reactions of each user, as many as the audience remembers, as wide as the longest."""
        width = max(1, int(self.lengths.max(initial=0)))
        items, likes, ratings = _arrays(self._histories)
        return Histories(items[:, :width], likes[:, :width], ratings[:, :width])

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64]) -> None:
        """Begin anew in `rows`, with what `users` reacted to in training."""
        if not len(rows):
            return
        width = self._histories.items.shape[1]
        begun, fresh = self._training.histories(users, width), _empty(len(rows), width)
        for room, values in zip(_arrays(fresh), _arrays(begun), strict=True):
            room[:, : values.shape[1]] = values
        for kept, values in zip(_arrays(self._histories), _arrays(fresh), strict=True):
            kept[rows] = values
        self.lengths[rows] = begun.mask.sum(axis=1)
        self.earned[rows], self.last_rewards[rows], self.steps[rows] = 0, 0, 0
        self.seen[rows] = False
        offsets = self._training.offsets
        for row, user in zip(rows, users, strict=True):
            actions = self._action_of[self._training.items[offsets[user] : offsets[user + 1]]]
            self.seen[row, actions[actions != NO_ITEM]] = True
        self._states = None

    def react(
        self, actions: NDArray[np.int64], rewards: NDArray[np.float32], likes: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Go on by a step.

        Parameters
        ----------
        actions
            int64 array of shape (b,): places in the catalogue of what users reacted to, `NO_ITEM` for nothing.
        rewards
            float32 array of shape (b,): for what was not seen before.
        likes
            bool array of shape (b,).

        Returns
        -------
        Whether an item was seen before, bool (b,), and the rewards as earned, float32 (b,). A reaction to what was not
        seen joins the history, without rating; a full one forgets its oldest.
        """
        rows = np.flatnonzero(actions != NO_ITEM)
        repeated = np.zeros(len(actions), dtype=bool)
        repeated[rows] = self.seen[rows, actions[rows]]
        earned = np.where(repeated, np.float32(0 - self._settings.seen_penalty), rewards)
        earned = np.where(actions == NO_ITEM, np.float32(0), earned).astype(np.float32)
        new = rows[~repeated[rows]]
        self._append(new, self._catalogue[actions[new]], likes[new])
        if self._settings.repeats == "penalise":
            self.seen[rows, actions[rows]] = True
        self.earned += earned
        self.last_rewards = earned.copy()  # what was returned stays as it was
        self.steps += 1
        return repeated, earned

    def _append(self, rows: NDArray[np.int64], items: NDArray[np.int64], likes: NDArray[np.bool_]) -> None:
        histories, width = self._histories, self._histories.items.shape[1]
        full = rows[self.lengths[rows] == width]
        for array in _arrays(histories):
            array[full, :-1] = array[full, 1:]
        self.lengths[full] -= 1
        at = self.lengths[rows]
        histories.items[rows, at], histories.likes[rows, at], histories.ratings[rows, at] = items, likes, UNKNOWN_RATING
        self.lengths[rows] += 1
        self._states = None

    def states(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """SASRec's state after each history, float32 (b, d): of all sessions, kept until they change, or of `rows`."""
        if self._states is None and rows is not None:
            return self._simulator.sasrec.states(self.histories[rows])
        if self._states is None:
            self._states = self._simulator.sasrec.states(self.histories)
        return self._states if rows is None else self._states[rows]

    def observe(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The part "user" of observations of all sessions or of `rows`; see `Sessions.observations`."""
        at = slice(None) if rows is None else rows
        states, lengths, steps = self.states(rows), self.lengths[at], self.steps[at]
        statistics = (
            self.earned[at] / np.maximum(steps, 1),
            self.last_rewards[at],
            steps / self._settings.max_steps,
            self._histories.likes[at].sum(axis=1) / np.maximum(lengths, 1),
            lengths / self._histories.items.shape[1],
        )
        bounded = np.clip(states, -STATE_BOUND, STATE_BOUND)
        return np.concatenate([bounded, np.stack(statistics, axis=1)], axis=1, dtype=np.float32)

    def latest(self, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Likes of the last n reactions, latest first, and whether there were so many: bool (b, n) each."""
        places = self.lengths[:, None] - 1 - np.arange(n)
        there = places >= 0
        return np.take_along_axis(self._histories.likes, np.maximum(places, 0), axis=1) & there, there

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with `rows` only, in that order."""
        self._histories = self._histories[rows]
        self.lengths, self.steps, self.seen = self.lengths[rows], self.steps[rows], self.seen[rows]
        self.earned, self.last_rewards = self.earned[rows], self.last_rewards[rows]
        self._states = None if self._states is None else self._states[rows]


def _empty(b: int, width: int) -> Histories:
    shape = b, width
    ratings = np.full(shape, UNKNOWN_RATING, dtype=np.float32)
    return Histories(np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool), ratings)


def _arrays(histories: Histories) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    """The arrays themselves, to be written to."""
    return histories.items, histories.likes, histories.ratings
