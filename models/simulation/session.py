"""Recommendation sessions of many simulated users at once: the core below every environment.

Source: arXiv 2412.16984: each step recommends one item, the simulated user's reaction is the reward and joins the
history, and the session ends with probability 0.025 after each step, or by learned patience
(models/simulation/patience.py).

Two things go beyond the paper, whose agents may collect reward for one safe item again and again: an item earns
nothing when it is recommended again in a session, nor when the user knows it from the training history. And a step may
show a slate of several items, among which the user chooses (models/simulation/slates.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.threads import n_blocks
from models.simulation import session_kernels as session_arrays
from models.simulation.action_spaces import action_space_of
from models.simulation.breadth_terms import StepBreadth
from models.simulation.candidates import Candidates
from models.simulation.item_space import ItemSpace, item_space
from models.simulation.patience import RECENT
from models.simulation.random_streams import DrawnNumbers, RandomStreams
from models.simulation.settings import EnvironmentSettings, catalogue, patience_of, visitors
from models.simulation.simulator import Responses, UserSimulator, reward
from models.simulation.slates import Slates, take
from models.simulation.state import RunningSessions
from models.simulation.step_result import Outcome
from models.simulation.voted_step import VotedStep, votes_alone

_COINS = 5  # drawn a step: two tied votes, the reward, the end, the next user


class SessionBatch:
    """The running sessions of b users. A session depends on its own seed and actions only, not on its neighbours.

    Parameters
    ----------
    simulator
        The audience.
    settings
        Rules of a session.
    seeds
        One a session.
    explained
        Whether responses have P(like) even where no reward and no choice needs it.

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

    def __init__(
        self, simulator: UserSimulator, settings: EnvironmentSettings, seeds: Sequence[int], *, explained: bool = True
    ) -> None:
        self.simulator, self.settings = simulator, settings
        self._calibrated = explained or settings.reward in {"draw", "probability"}
        self._patience = patience_of(simulator, settings)
        self._by_votes_alone = not (self._calibrated or self._patience) and votes_alone(simulator, settings)
        self.catalogue = catalogue(simulator, settings.catalogue_size)
        self._visitors = visitors(simulator, settings)
        self._breadth = StepBreadth(simulator, self.catalogue, len(seeds))
        of_slates = 2 * settings.slate_size + 1 if settings.actions == "slate" else 0  # tied votes, the choice
        self._streams = RandomStreams(seeds, _COINS + settings.explored + of_slates)
        self._coins = DrawnNumbers()
        b = len(seeds)
        self._running = RunningSessions(simulator, settings, self.catalogue, b)
        self.users = np.zeros(b, dtype=np.int64)
        self._next_users = np.full(b, -1)
        self._candidates = Candidates(settings, self.n_actions, b)
        self.action_space = action_space_of(self)
        self._resize(b)
        self.begin(self._rows)

    def _resize(self, b: int) -> None:
        """What depends on the number of sessions alone."""
        self._rows = np.arange(b)
        self._end_chances = np.full(b, self.settings.end_probability)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_actions(self) -> int:
        """Number of items that may be recommended."""
        return len(self.catalogue)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """bool array of shape (b, n_actions): what would earn nothing, being recommended before or known."""
        return self._running.arrays.seen

    @property
    def histories(self) -> Histories:
        """What each user reacted to before, the running session included."""
        return self._running.histories

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> None:
        """Begin new sessions in `rows`, of the given users, or of users drawn from all with equal chances."""
        if users is None:
            users = self._next_users[rows]
            waiting = rows[users < 0]
            if len(waiting):
                numbers = self._streams.draw(waiting)
                users[users < 0] = self._visitors[(numbers[:, 4] * len(self._visitors)).astype(np.int64)]
                self._candidates.draw(waiting, numbers[:, _COINS:])
        self._next_users[rows] = -1
        self.users[rows] = users
        self._running.begin(rows, users)
        self._candidates.change(rows)
        if any(self.settings.breadth_weights):
            self._breadth.begin(rows)

    def step(self, actions: NDArray[np.int64]) -> Outcome:
        """Recommend one item, or show a slate, in every session.

        Parameters
        ----------
        actions
            int64 array of shape (b,), or (b, k) for slates: positions in `catalogue`.
        """
        rows = self._rows
        numbers = self._streams.draw(rows)
        coins = self._coins.of(numbers)  # two for votes, one for the reward
        if self.settings.seen_items == "mask":
            actions = session_arrays.opened(actions.reshape(len(self), -1), self.seen).reshape(actions.shape)
        self._running.know_states(rows)
        if actions.ndim == 1:
            slates, shown = None, actions
            responses = self.simulator.respond(
                self.users,
                self.catalogue[actions],
                self.histories,
                coins,
                self._running.states,
                calibrated=self._calibrated,
            )
            taken = rows
        else:
            slates, shown, responses = self._choice(actions, numbers)
            coins = self._coins.of(numbers[:, 2:])
            taken = np.flatnonzero(shown != NO_ITEM)
        earned = reward(responses, self.settings.reward, coins)
        novelties = diversities = np.zeros(len(self), dtype=np.float32)
        if any(weights := self.settings.breadth_weights):
            novelties, diversities = self._breadth.terms(taken, shown[taken], weights)
            earned = (earned + weights[0] * novelties + weights[1] * diversities).astype(np.float32)
        items, repeated, rewards = self._running.react(shown, earned, responses.like)
        self._candidates.draw(rows, numbers[:, _COINS:])
        terminated, truncated, self._next_users = session_arrays.ends(
            numbers[:, 3:5], self.end_chances(), self._running.arrays.steps, self.settings.max_steps, self._visitors
        )
        return Outcome(
            items,
            shown,
            responses,
            repeated,
            rewards,
            novelties,
            diversities,
            terminated,
            truncated,
            slates,
        )

    def act(self, actions: NDArray[np.number]) -> Outcome:
        """Take one of the agent's actions, as `action_space` says, in every session."""
        return self.step(self.action_space.resolve(self, actions))

    def advance(
        self, actions: NDArray[np.number]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, NDArray[np.number]]]:
        """Take an action in every session, as `act` does, and begin anew where one ends.

        Returns
        -------
        Rewards, which sessions ended, and which were cut off, (b,) each; and how the latter looked at last.
        """
        step = self._vote(actions) if self._in_one_pass else self.act(actions)
        looked: dict[str, NDArray[np.number]] = {}
        if isinstance(step, Outcome) or not step.begun:
            cut_off = step.truncated.nonzero()[0]
            looked = self.observations(cut_off) if len(cut_off) else {}
            self.begin(step.done.nonzero()[0])
        return step.rewards, step.done, step.truncated, looked

    @property
    def _in_one_pass(self) -> bool:
        return self._by_votes_alone and self.simulator.on_device is None and n_blocks(len(self)) == 1

    def _vote(self, actions: NDArray[np.number]) -> VotedStep:
        places = self.action_space.resolve(self, actions)
        step = self._running.vote(places, self.users, self._streams.ahead, (self._end_chances, self._visitors))
        if step.any_at_end:
            self._streams.read_ahead()
        self._next_users = step.next_users
        return step

    def observations(self, rows: NDArray[np.int64] | slice = slice(None)) -> dict[str, NDArray[np.number]]:
        """What an agent sees of the sessions in `rows`.

        Returns
        -------
        "user": float32 (b, d + 5), SASRec's state of the running history, then the mean reward of the session, the
        last reward, the share of `max_steps` gone, the share of likes and the fill of the remembered history;
        and the parts that belong to the action space: for the catalogue "seen", int8 (b, n_actions).
        """
        everyone = isinstance(rows, slice) and rows == slice(None)
        user = self._running.observe_all() if everyone else self._running.observe(self._rows[rows])
        return {"user": user, **self.action_space.observe(self, rows)}

    @property
    def item_space(self) -> ItemSpace:
        """The space that candidates are found in."""
        return item_space(self.simulator, self.catalogue, self.settings.embedding_size)

    def tastes(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """The users in `rows` as unit vectors of the item space: float32 array of shape (b, v)."""
        return self.item_space.users(self.histories[rows])

    @property
    def n_offered(self) -> int:
        """Number of candidates, K."""
        return self._candidates.n

    @property
    def offered(self) -> NDArray[np.int64]:
        """Places in the catalogue of the candidates: int64 (b, K), nearest first, then those drawn at random.

        What the user has seen is among them only where fewer than K items are open.
        """
        return self._candidates.offered(self.item_space, self.tastes, self.seen)

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
        self._streams.keep(rows)
        self._running.keep(rows)
        self._breadth.keep(rows)
        self._candidates.keep(rows)
        self.users, self._next_users = self.users[rows], self._next_users[rows]
        self._resize(len(rows))

    def end_chances(self) -> NDArray[np.floating]:
        """P(the session ends after the last step): float array of shape (b,)."""
        if self._patience is None:
            return self._end_chances
        likes, known = self._running.latest(RECENT)
        return self._patience.chances(self._running.arrays.steps, likes, known)

    def _choice(
        self, slates: NDArray[np.int64], numbers: NDArray[np.float64]
    ) -> tuple[Slates, NDArray[np.int64], Responses]:
        """What was shown and taken, the places (b,) of what was taken, and the reactions to it.

        Where nothing was taken, the place is `NO_ITEM` and the reaction is to the first item.
        """
        b, k = slates.shape
        rows, own = np.repeat(np.arange(b), k), numbers[:, _COINS + self.settings.explored :]
        coins = self._coins.of(np.stack([own[:, :k].ravel(), own[:, k : 2 * k].ravel()], axis=1))
        items = self.catalogue[slates]
        responses = self.simulator.respond(
            self.users[rows], items.ravel(), self.histories[rows], coins, self._running.states[rows]
        )
        seen = take(items, responses, own[:, 2 * k], self.settings.no_choice_utility)
        took = seen.choices < k
        place = np.where(took, seen.choices, 0)
        return seen, np.where(took, slates[np.arange(b), place], NO_ITEM), responses[np.arange(b) * k + place]
