"""Recommendation sessions of many simulated users at once: the core below every environment.

Source: arXiv 2412.16984: each step recommends one item, the simulated user's reaction is the reward and joins the
history, and the session ends with probability 0.025 after each step, or by learned patience (models/patience.py).

Two things go beyond the paper, whose agents may collect reward for one safe item again and again: an item earns
nothing when it is recommended again in a session, nor when the user knows it from the training history. And a step may
show a slate of several items, among which the user chooses (models/slates.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models import session_arrays
from models.action_spaces import (
    ActionSpace,
    CandidateActions,
    CatalogueActions,
    EmbeddingActions,
    SlateActions,
)
from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories, HistoryArrays
from models.item_space import ItemSpace, item_space
from models.patience import RECENT, Patience
from models.random_streams import DrawnNumbers, RandomStreams
from models.session_arrays import Progress, TrainingReactions
from models.session_breadth import StepBreadth
from models.simulator import Responses, RewardMode, UserSimulator, reward
from models.slates import Slates, choice_chances, choose, first_mentions, shown_items

_STATE_BOUND = 10.0
_STATISTICS = 5
_COINS = 5  # drawn a step: two tied votes, the reward, the end, the next user


class EnvironmentSettings(BaseModel):
    """Rules of a session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reward: RewardMode = Field(
        default="vote", description="vote (the paper's), draw (by probability), probability, or sasrec"
    )
    session_end: Literal["constant", "learned"] = Field(
        default="constant",
        description="whether the chance that a session ends is end_probability or the patience learned from timestamps",
    )
    end_probability: float = Field(default=0.025, gt=0, le=1, description="chance that a session ends after a step")
    max_steps: int = Field(default=200, gt=0, description="a session is cut off (truncated) after so many steps")
    max_history: int = Field(default=50, gt=0, description="last interactions that the simulated user remembers")
    repeats: Literal["penalise", "allow"] = Field(
        default="penalise",
        description="whether an item recommended again in a session earns nothing or what it would earn",
    )
    known_items: Literal["penalise", "allow"] = Field(
        default="penalise", description="the same for items of the user's training history"
    )
    seen_items: Literal["penalise", "mask"] = Field(
        default="penalise",
        description="what recommending an item that earns nothing does: costs seen_penalty, or is not possible and "
        "takes the next item of the catalogue that is open",
    )
    seen_penalty: float = Field(
        default=0.0, ge=0, description="taken from the reward of a recommendation that earns nothing"
    )
    actions: Literal["catalogue", "candidates", "embedding", "slate"] = Field(
        default="catalogue",
        description="what an agent chooses: one of all items, one of the candidates nearest to the user, a point that "
        "is resolved to the nearest item, or a slate of candidates",
    )
    candidates: int = Field(default=30, gt=1, description="items that are offered: for candidates and slate")
    candidate_exploration: float = Field(
        default=0.1, ge=0, lt=1, description="share of the candidates that is drawn at random, not by nearness"
    )
    embedding_size: int = Field(default=32, gt=1, description="size of the space of items, at most")
    slate_size: int = Field(default=5, gt=1, description="items of a slate")
    no_choice_utility: float = Field(
        default=0.0, description="logit of the P(like) that taking nothing from a slate is as good as"
    )
    catalogue_size: int | None = Field(
        default=500,
        gt=0,
        description="actions: so many items, those with most training interactions; null for all items",
    )
    users: Literal["all", "train", "held_out"] = Field(
        default="all", description="who visits: all users, those that policies train on, or those held out from them"
    )
    held_out_share: float = Field(default=0.2, gt=0, lt=1, description="share of the users who are held out")
    held_out_seed: int = Field(default=0, ge=0, description="chooses them")
    novelty_weight: float = Field(
        default=0.0, ge=0, description="added to a reward: so many times the item's novelty, 0 for the best known to 1"
    )
    diversity_weight: float = Field(
        default=0.0,
        ge=0,
        description="added to a reward: so many times the item's mean distance to those recommended in the session",
    )

    @model_validator(mode="after")
    def _slate_fits(self) -> Self:
        if self.actions == "slate" and self.slate_size > self.candidates:
            raise ValueError(f"a slate of {self.slate_size} cannot be made of {self.candidates} candidates")
        return self

    @property
    def explored(self) -> int:
        """Candidates that are drawn at random."""
        return round(self.candidate_exploration * self.candidates) if self.offers else 0

    @property
    def offers(self) -> bool:
        """Whether actions choose among candidates."""
        return self.actions in {"candidates", "slate"}

    @property
    def highest_reward(self) -> float:
        """What one step can earn at most."""
        return 1 + self.novelty_weight + self.diversity_weight


def catalogue(simulator: UserSimulator, size: int | None) -> NDArray[np.int64]:
    """The items that may be recommended: all, or the `size` with most training interactions.

    Returns
    -------
    int64 array of shape (n_actions,), ascending: the item of each action. Ties go to the lower item.
    """
    counts = np.bincount(simulator.interactions.items, minlength=simulator.n_items)
    return np.sort(np.argsort(-counts, kind="stable")[:size])


def patience_of(simulator: UserSimulator, settings: EnvironmentSettings) -> Patience | None:
    """The learned patience that ends sessions; None where a constant chance does.

    Raises
    ------
    ValueError
        Where the audience has none.
    """
    if settings.session_end == "constant":
        return None
    if simulator.patience is None:
        raise ValueError(
            "session_end 'learned': the training interactions of this audience tell no session ends (see the step "
            "fit-patience); set session_end to constant, or patience.session_gap_minutes to another gap"
        )
    return simulator.patience


def visitors(simulator: UserSimulator, settings: EnvironmentSettings) -> NDArray[np.int64]:
    """The users whom sessions are of.

    Returns
    -------
    int64 array, ascending; at least one user is held out and at least one is not.

    Raises
    ------
    ValueError
        Where a single user cannot be parted.
    """
    n = simulator.n_users
    if settings.users == "all":
        return np.arange(n)
    if n < 2:
        raise ValueError(f"users {settings.users!r}: found {n} user, expected two at least to hold one out")
    held_out = min(max(round(settings.held_out_share * n), 1), n - 1)
    order = np.random.default_rng(settings.held_out_seed).permutation(n)
    return np.sort(order[:held_out] if settings.users == "held_out" else order[held_out:])


@dataclass(frozen=True)
class Outcome:
    """What one step brought, in b sessions.

    Parameters
    ----------
    items, actions
        int64 arrays of shape (b,): what was recommended, and its place in the catalogue; of a slate what was taken,
        `NO_ITEM` for nothing.
    responses
        The users' reactions.
    repeated
        bool array of shape (b,): the user had seen the item, so it earned nothing and did not join the history.
    rewards
        float32 array of shape (b,).
    novelties, diversities
        float32 arrays of shape (b,): terms of the rewards before they are weighed; 0 where their weight is 0.
    terminated, truncated
        bool arrays of shape (b,): ended by chance, cut off at `max_steps`.
    slates
        What the choice was from, where slates are shown.
    """

    items: NDArray[np.int64]
    actions: NDArray[np.int64]
    responses: Responses
    repeated: NDArray[np.bool_]
    rewards: NDArray[np.float32]
    novelties: NDArray[np.float32]
    diversities: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    slates: Slates | None = None

    @property
    def done(self) -> NDArray[np.bool_]:
        """bool array of shape (b,): ended in either way."""
        return self.terminated | self.truncated


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
    seen
        bool array of shape (b, n_actions): what would earn nothing, being recommended before or known.
    """

    def __init__(self, simulator: UserSimulator, settings: EnvironmentSettings, seeds: Sequence[int]) -> None:
        self.simulator, self.settings = simulator, settings
        self._patience = patience_of(simulator, settings)
        self.catalogue = catalogue(simulator, settings.catalogue_size)
        self._action_of = np.full(simulator.n_items, NO_ITEM)
        self._action_of[self.catalogue] = np.arange(len(self.catalogue))
        self._visitors = visitors(simulator, settings)
        known = simulator.interactions
        self._training = TrainingReactions(known.offsets, known.items, known.likes, known.ratings)
        self._breadth = StepBreadth(simulator, self.catalogue, len(seeds))
        of_slates = 2 * settings.slate_size + 1 if settings.actions == "slate" else 0  # tied votes, the choice
        self._streams = RandomStreams(seeds, _COINS + settings.explored + of_slates)
        self._width = min(settings.max_history, simulator.max_history)
        b = len(seeds)
        self.users = np.zeros(b, dtype=np.int64)
        self.seen = np.zeros((b, len(self.catalogue)), dtype=bool)
        self._items = np.full((b, self._width), NO_ITEM)
        self._likes = np.zeros((b, self._width), dtype=bool)
        self._ratings = np.full((b, self._width), UNKNOWN_RATING, dtype=np.float32)
        self._lengths = np.zeros(b, dtype=np.int64)
        self._steps = np.zeros(b, dtype=np.int64)
        self._earned = np.zeros(b)
        self._last_rewards = np.zeros(b, dtype=np.float32)
        self._next_users = np.full(b, -1)
        self._states = np.zeros((b, simulator.sasrec.settings.width), dtype=np.float32)  # of the histories, where known
        self._known_states = np.zeros(b, dtype=bool)
        self._exploration = np.zeros((b, settings.explored))  # numbers that the explored candidates are drawn by
        self._offered = np.zeros((b, min(settings.candidates, self.n_actions)), dtype=np.int64)
        self._known_offers = np.zeros(b, dtype=bool)
        self.action_space = self._action_space()
        self.begin(np.arange(b))

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_actions(self) -> int:
        """Number of items that may be recommended."""
        return len(self.catalogue)

    @property
    def histories(self) -> Histories:
        """What each user reacted to before, the running session included."""
        width = max(1, int(self._lengths.max(initial=0)))
        return Histories(self._items[:, :width], self._likes[:, :width], self._ratings[:, :width])

    def begin(self, rows: NDArray[np.int64], users: NDArray[np.int64] | None = None) -> None:
        """Begin new sessions in `rows`, of the given users, or of users drawn from all with equal chances."""
        if users is None:
            waiting = rows[self._next_users[rows] < 0]
            numbers = self._streams.draw(waiting)
            self._next_users[waiting] = self._user(numbers[:, 4])
            self._exploration[waiting] = self._of_exploration(numbers)
            users = self._next_users[rows]
        self._next_users[rows] = -1
        self.users[rows] = users
        session_arrays.begin(rows, users, self._training, self._histories(), self._lengths)
        self._known_states[rows], self._known_offers[rows] = False, False
        self._steps[rows], self._earned[rows], self._last_rewards[rows] = 0, 0, 0
        self.seen[rows] = False
        self._breadth.begin(rows)
        if self.settings.known_items == "penalise":
            session_arrays.mark_known(rows, users, self._training, self._action_of, self.seen)

    def step(self, actions: NDArray[np.int64]) -> Outcome:
        """Recommend one item, or show a slate, in every session.

        Parameters
        ----------
        actions
            int64 array of shape (b,), or (b, k) for slates: positions in `catalogue`.
        """
        rows = np.arange(len(self))
        numbers = self._streams.draw(rows)
        if self.settings.seen_items == "mask":
            actions = session_arrays.opened(actions.reshape(len(self), -1), self.seen).reshape(actions.shape)
        self._know_states(rows)
        if actions.ndim == 1:
            slates, shown = None, actions
            responses = self.simulator.respond(
                self.users, self.catalogue[actions], self.histories, DrawnNumbers(numbers), self._states
            )
            taken = rows
        else:
            slates, shown, responses = self._choice(actions, numbers)
            taken = np.flatnonzero(shown != NO_ITEM)
        repeated = np.zeros(len(self), dtype=bool)
        repeated[taken] = self.seen[taken, shown[taken]]
        earned = reward(responses, self.settings.reward, DrawnNumbers(numbers[:, 2:]))
        novelties, diversities = self._terms(taken, shown[taken])
        earned = earned + self.settings.novelty_weight * novelties + self.settings.diversity_weight * diversities
        rewards = np.where(repeated, 0 - self.settings.seen_penalty, earned).astype(np.float32)
        rewards[shown == NO_ITEM] = 0
        items = np.where(shown == NO_ITEM, NO_ITEM, self.catalogue[shown])
        joined = taken[~repeated[taken]]
        self._append(joined, items[joined], responses.like[joined])
        if self.settings.repeats == "penalise":
            self.seen[rows[:, None], actions.reshape(len(self), -1)] = True
        self._known_offers[:] = False
        self._exploration = self._of_exploration(numbers)
        self._steps += 1
        self._earned += rewards
        self._last_rewards = rewards.copy()
        terminated = numbers[:, 3] < self.end_chances()
        self._next_users = self._user(numbers[:, 4])
        return Outcome(
            items,
            shown,
            responses,
            repeated,
            rewards,
            novelties,
            diversities,
            terminated,
            ~terminated & (self._steps >= self.settings.max_steps),
            slates,
        )

    def act(self, actions: NDArray[np.number]) -> Outcome:
        """Take one of the agent's actions, as `action_space` says, in every session."""
        return self.step(self.action_space.resolve(self, actions))

    def observations(self, rows: NDArray[np.int64] | slice = slice(None)) -> dict[str, NDArray[np.number]]:
        """What an agent sees of the sessions in `rows`.

        Returns
        -------
        "user": float32 (b, d + 5), SASRec's state of the running history, then the mean reward of the session, the
        last reward, the share of `max_steps` gone, the share of likes and the fill of the remembered history;
        and the parts that belong to the action space: for the catalogue "seen", int8 (b, n_actions).
        """
        chosen = np.arange(len(self))[rows]
        self._know_states(chosen)
        progress = Progress(self._earned, self._last_rewards, self._steps)
        limits = (self.settings.max_steps, _STATE_BOUND)
        user = session_arrays.observe(chosen, self._states, self._histories(), progress, limits)
        return {"user": user, **self.action_space.observe(self, rows)}

    @property
    def item_space(self) -> ItemSpace:
        """The space that candidates are found in."""
        return item_space(self.simulator, self.catalogue, self.settings.embedding_size)

    def tastes(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """The users in `rows` as unit vectors of the item space: float32 array of shape (b, v)."""
        return self.item_space.users(self.histories[rows])

    @property
    def offered(self) -> NDArray[np.int64]:
        """Places in the catalogue of the candidates: int64 (b, K), nearest first, then those drawn at random.

        What the user has seen is among them only where fewer than K items are open.
        """
        stale = np.flatnonzero(~self._known_offers)
        if len(stale):
            seen, numbers = self.seen[stale], self._exploration[stale]
            near = self._offered.shape[1] - numbers.shape[1]
            nearest = self.item_space.nearest(self.tastes(stale), seen, max(near, 1))
            self._offered[stale] = session_arrays.offer(nearest, numbers, seen, self._offered.shape[1])
            self._known_offers[stale] = True
        return self._offered

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
        self._breadth.keep(rows)
        self.users, self.seen, self._next_users = self.users[rows], self.seen[rows], self._next_users[rows]
        self._items, self._likes, self._lengths = self._items[rows], self._likes[rows], self._lengths[rows]
        self._ratings = self._ratings[rows]
        self._states, self._known_states = self._states[rows], self._known_states[rows]
        self._exploration = self._exploration[rows]
        self._offered, self._known_offers = self._offered[rows], self._known_offers[rows]
        self._steps, self._earned, self._last_rewards = self._steps[rows], self._earned[rows], self._last_rewards[rows]

    def _user(self, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
        return self._visitors[(numbers * len(self._visitors)).astype(np.int64)]

    def end_chances(self) -> NDArray[np.floating]:
        """P(the session ends after the last step): float array of shape (b,)."""
        if self._patience is None:
            return np.full(len(self), self.settings.end_probability)
        latest = self._lengths[:, None] - 1 - np.arange(RECENT)
        known = latest >= 0
        likes = np.take_along_axis(self._likes, np.maximum(latest, 0), axis=1) & known
        return self._patience.chances(self._steps, likes, known)

    def _action_space(self) -> ActionSpace:
        settings = self.settings
        if settings.actions == "catalogue":
            return CatalogueActions(self.n_actions)
        size, offered = self.item_space.size, self._offered.shape[1]
        if settings.actions == "embedding":
            return EmbeddingActions(size)
        if settings.actions == "candidates":
            return CandidateActions(offered, size)
        return SlateActions(offered, size, min(settings.slate_size, offered))

    def _of_exploration(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return numbers[:, _COINS : _COINS + self.settings.explored].copy()

    def _choice(
        self, slates: NDArray[np.int64], numbers: NDArray[np.float64]
    ) -> tuple[Slates, NDArray[np.int64], Responses]:
        """What was shown and taken, the places (b,) of what was taken, and the reactions to it.

        Where nothing was taken, the place is `NO_ITEM` and the reaction is to the first item.
        """
        b, k = slates.shape
        rows, own = np.repeat(np.arange(b), k), numbers[:, _COINS + self.settings.explored :]
        coins = DrawnNumbers(np.stack([own[:, :k].ravel(), own[:, k : 2 * k].ravel()], axis=1))
        items = self.catalogue[slates]
        responses = self.simulator.respond(
            self.users[rows], items.ravel(), self.histories[rows], coins, self._states[rows]
        )
        probabilities, shown = responses.probability.reshape(b, k), first_mentions(slates)
        chances = choice_chances(probabilities, shown, self.settings.no_choice_utility)
        choices = choose(chances, own[:, 2 * k])
        took = np.minimum(choices, k - 1)
        taken = np.where(choices < k, slates[np.arange(b), took], NO_ITEM)
        seen = Slates(shown_items(items, shown), responses.votes.reshape(b, k, 3), probabilities, choices)
        return seen, taken, responses[np.arange(b) * k + np.where(choices < k, took, 0)]

    def _terms(
        self, rows: NDArray[np.int64], actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Novelty and diversity of what is recommended in `rows`, float32 (b,) each, where they count; 0 elsewhere."""
        novelties, diversities = np.zeros((2, len(self)), dtype=np.float32)
        if self.settings.novelty_weight:
            novelties[rows] = self._breadth.novelties(actions)
        if self.settings.diversity_weight:
            diversities[rows] = self._breadth.diversities(rows, actions)
        return novelties, diversities

    def _append(self, rows: NDArray[np.int64], items: NDArray[np.int64], likes: NDArray[np.bool_]) -> None:
        """Add one reaction, without rating, to the histories in `rows`; a full history forgets its oldest."""
        session_arrays.append(self._histories(), self._lengths, rows, items, likes)
        self._known_states[rows] = False

    def _histories(self) -> HistoryArrays:
        """The histories in their whole width."""
        return HistoryArrays(self._items, self._likes, self._ratings)

    def _know_states(self, rows: NDArray[np.int64]) -> None:
        """Work out SASRec's states in `rows` where they are not known; they change with the history only."""
        unknown = rows[~self._known_states[rows]]
        if len(unknown) == len(self):  # as after most steps: nothing needs to be picked out
            self._states = self.simulator.sasrec.states(self.histories)
        elif len(unknown):
            self._states[unknown] = self.simulator.sasrec.states(self.histories[unknown])
        self._known_states[unknown] = True


def observation_bounds(sessions: SessionBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest values of the observation "user": float32 arrays of shape (d + 5,)."""
    d = sessions.simulator.sasrec.item_vectors().shape[1]
    best = sessions.settings.highest_reward  # of the mean and of the last reward
    worst = 0 - sessions.settings.seen_penalty
    low = np.concatenate([np.full(d, -_STATE_BOUND), [worst, worst], np.zeros(_STATISTICS - 2)]).astype(np.float32)
    high = np.concatenate([np.full(d, _STATE_BOUND), [best, best], np.ones(_STATISTICS - 2)]).astype(np.float32)
    return low, high
