"""Recommendation sessions of many simulated users at once: the core below every environment.

Source: arXiv 2412.16984: each step recommends one item, and the simulated user's reaction is the reward and joins the
history. After each step the session ends with a constant probability (0.025 is that of the paper's authors' code; the
paper tells none) or by learned patience (models/simulation/patience.py).

Two things go beyond the paper, whose agents may collect reward for one safe item again and again: an item earns
nothing when it is recommended again in a session, nor when the user knows it from the training history. And a step may
show a slate of several items, among which the user chooses (models/simulation/step_result.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.simulation.action_spaces import ActionSpace, action_space_of
from models.simulation.breadth_terms import StepBreadth
from models.simulation.candidates import Candidates, open_instead
from models.simulation.item_space import ItemSpace
from models.simulation.patience import RECENT
from models.simulation.random_streams import RandomStreams
from models.simulation.settings import EnvironmentSettings, catalogue, patience_of, visitors
from models.simulation.simulator import COINS, Responses, UserSimulator, reward
from models.simulation.state import SessionState
from models.simulation.step_result import Slates, StepResult, choose_from

_COINS = COINS + 2  # drawn a step: those of a pair, the end, the next user


class Sessions:
    """The running sessions of b users. A session depends on its own seed and actions only, not on its neighbours.

    Parameters
    ----------
    simulator
        The audience.
    settings
        Rules of a session.
    seeds
        One a session.

    Raises
    ------
    ValueError
        Where sessions are to end by learned patience and the audience has none.

    Attributes
    ----------
    catalogue
        int64 array of shape (n_actions,): the item of each action.
    users
        int64 array of shape (b,).
    """

    def __init__(self, simulator: UserSimulator, settings: EnvironmentSettings, seeds: Sequence[int]) -> None:
        self.simulator, self.settings = simulator, settings
        self._patience = patience_of(simulator, settings)
        self.catalogue = catalogue(simulator, settings.catalogue_size)
        self._visitors = visitors(simulator, settings)
        self._breadth = StepBreadth(simulator, self.catalogue, len(seeds))
        slate_coins = COINS * settings.slate_size + 1 if settings.actions == "slate" else 0  # the pairs', the choice
        self._streams = RandomStreams(seeds, _COINS + settings.explored + slate_coins)
        self._state = SessionState(simulator, settings, self.catalogue, len(seeds))
        self.users = np.zeros(len(seeds), dtype=np.int64)
        self._next_users = np.full(len(seeds), -1)
        self._candidates = Candidates(settings, self.n_actions, len(seeds))
        self.begin(np.arange(len(seeds)))

    @classmethod
    def for_users(cls, simulator: UserSimulator, settings: EnvironmentSettings, users: NDArray[np.int64]) -> Self:
        """A session for each of the users (b,), as it begins."""
        sessions = cls(simulator, settings, range(len(users)))
        sessions.begin(np.arange(len(users)), users)
        return sessions

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def action_space(self) -> ActionSpace:
        """What an agent may do, and what it sees to choose by."""
        return action_space_of(self)

    @property
    def n_actions(self) -> int:
        """Number of items that may be recommended."""
        return len(self.catalogue)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """bool array of shape (b, n_actions): what would earn nothing, being recommended before or known."""
        return self._state.seen

    @property
    def histories(self) -> Histories:
        """What each user reacted to before, the running session included."""
        return self._state.histories

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> None:
        """Begin new sessions in `rows`, of the given users, or of users drawn from all with equal chances."""
        if users is None:
            users = self._next_users[rows]
            waiting = rows[users < 0]
            if len(waiting):
                numbers = self._streams.draw(waiting)
                users[users < 0] = self._drawn_users(numbers[:, 4])
                self._candidates.draw(waiting, numbers[:, _COINS:])
        self._next_users[rows] = -1
        self.users[rows] = users
        self._state.begin(rows, users)
        self._candidates.change(rows)
        self._breadth.begin(rows)

    def step(self, actions: NDArray[np.int64]) -> StepResult:
        """Recommend one item, or show a slate, in every session.

        Parameters
        ----------
        actions
            int64 array of shape (b,), or (b, k) for slates: places in `catalogue`.
        """
        rows = np.arange(len(self))
        numbers = self._streams.draw(rows)
        open_ones = open_instead(actions.reshape(len(self), -1), self.seen).reshape(actions.shape)
        invalid = (open_ones != actions).reshape(len(self), -1).all(axis=1)
        if self.settings.seen_items == "mask":
            actions = open_ones
        if actions.ndim == 1:
            slates, shown, responses = None, actions, self._responses(rows, actions, numbers[:, :COINS])
        else:
            slates, shown, responses = self._choice(actions, numbers)
        earned = reward(responses, self.settings.reward)
        chosen = np.flatnonzero(shown != NO_ITEM)
        weights = self.settings.breadth_weights
        novelties, diversities = self._breadth.terms(chosen, shown[chosen], weights)
        earned = (earned + weights[0] * novelties + weights[1] * diversities).astype(np.float32)
        repeated, rewards = self._state.react(shown, earned, responses.like)
        self._candidates.draw(rows, numbers[:, _COINS:])
        terminated = numbers[:, 3] < self.end_chances()
        truncated = ~terminated & (self._state.steps >= self.settings.max_steps)
        self._next_users = self._drawn_users(numbers[:, 4])
        return StepResult(
            items=np.where(shown == NO_ITEM, NO_ITEM, self.catalogue[shown]),
            actions=shown,
            shown=actions.reshape(len(self), -1),
            responses=responses,
            repeated=repeated,
            invalid=invalid,
            rewards=rewards,
            novelties=novelties,
            diversities=diversities,
            terminated=terminated,
            truncated=truncated,
            slates=slates,
        )

    def observations(self, rows: NDArray[np.int64] | None = None) -> dict[str, NDArray[np.number]]:
        """What an agent sees of all sessions, or of those in `rows`.

        Returns
        -------
        "user": float32 (b, d + 5), SASRec's state of the running history, then the mean reward of the session, the
        last reward, the share of `max_steps` gone, the share of likes and the fill of the remembered history;
        and the parts that belong to the action space: for the catalogue "seen", int8 (b, n_actions).
        """
        every = np.arange(len(self)) if rows is None else rows
        return {"user": self._state.observe(rows), **self.action_space.observe(self, every)}

    @property
    def item_space(self) -> ItemSpace:
        """The space that the nearest candidates are looked up in."""
        return self._item_space

    @cached_property
    def _item_space(self) -> ItemSpace:
        return ItemSpace(self.simulator, self.catalogue, self.settings.embedding_size)

    def user_vectors(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The users of all sessions, or of those in `rows`, as unit vectors of the item space: float32 (b, v)."""
        return self.item_space.users(self.histories if rows is None else self.histories[rows])

    @property
    def n_offered(self) -> int:
        """Number of candidates, K."""
        return self._candidates.n

    @property
    def offered(self) -> NDArray[np.int64]:
        """Places in the catalogue of the candidates: int64 (b, K), nearest first, then those drawn at random.

        What the user has seen is among them only where fewer than K items are open.
        """
        return self._candidates.offered(self.item_space, self.user_vectors, self.seen)

    @property
    def closed(self) -> NDArray[np.bool_]:
        """bool array of shape (b, n_actions): what would earn nothing or is no candidate."""
        if not self.settings.offers:
            return self.seen
        closed = np.ones_like(self.seen)
        np.put_along_axis(closed, self.offered, np.take_along_axis(self.seen, self.offered, axis=1), axis=1)
        return closed

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the sessions in `rows` only, in that order."""
        for part in (self._streams, self._state, self._breadth, self._candidates):
            part.keep(rows)
        self.users, self._next_users = self.users[rows], self._next_users[rows]

    def end_chances(self) -> NDArray[np.floating]:
        """P(the session ends after the last step): float array of shape (b,)."""
        if self._patience is None:
            return np.full(len(self), self.settings.end_probability)
        likes, there = self._state.latest(RECENT)
        return self._patience.chances(self._state.steps, likes, there)

    def _drawn_users(self, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
        """The visitors that uniform numbers (b,) pick."""
        return self._visitors[(numbers * len(self._visitors)).astype(np.int64)]

    def _responses(self, rows: NDArray[np.int64], actions: NDArray[np.int64], coins: NDArray[np.float64]) -> Responses:
        """Responses in `rows` (m,) to the items of `actions` (m,); coins are (m, 3)."""
        everyone = len(rows) == len(self)
        histories, states = self.histories, self._state.states()
        responses = self.simulator.respond(
            self.users[rows],
            self.catalogue[actions],
            histories if everyone else histories[rows],
            coins,
            states if everyone else states[rows],
        )
        return responses.reacting(self.settings.reaction)

    def _choice(
        self, slates: NDArray[np.int64], numbers: NDArray[np.float64]
    ) -> tuple[Slates, NDArray[np.int64], Responses]:
        """What was shown and taken, the places (b,) of what was taken, and the reactions to it.

        Where nothing was taken, the place is `NO_ITEM` and the reaction is to the first item.
        """
        b, k = slates.shape
        rows, own = np.repeat(np.arange(b), k), numbers[:, _COINS + self.settings.explored :]
        coins = own[:, : COINS * k].reshape(b * k, COINS)
        responses = self._responses(rows, slates.ravel(), coins)
        choice = choose_from(self.catalogue[slates], responses, own[:, COINS * k], self.settings.no_choice_utility)
        took = choice.choices < k
        place = np.where(took, choice.choices, 0)
        return choice, np.where(took, slates[np.arange(b), place], NO_ITEM), responses[np.arange(b) * k + place]
