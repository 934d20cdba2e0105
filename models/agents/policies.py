"""Policies: random, popularity, item mean and SASRec's own ranking as baselines, and what the agents learned.

The upper line, `greedy`, which asks the simulator itself, stands in models/agents/greedy.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.agents.item_scorer import ItemScorer
from models.interactions import NO_ITEM
from models.knowledge import ItemKnowledge
from models.simulation.item_space import like_logits
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import COINS, UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes

_USERS_AT_ONCE = 128


class Policy(ABC):
    """Ranks all items of the catalogue for each running session."""

    @abstractmethod
    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """The higher, the rather recommended: float32 array of shape (b, n_actions)."""

    def actions(self, sessions: Sessions) -> NDArray[np.int64]:
        """The best place in the catalogue among those open: int64 (b,); the best k, (b, k), where slates are shown."""
        return self.best(sessions, self.scores(sessions))

    def top_k(self, sessions: Sessions, k: int) -> NDArray[np.int64]:
        """The k best actions of each session, best first, closed ones last: int64 array of shape (b, k)."""
        return _first(sessions, self.scores(sessions), k)

    def best(self, sessions: Sessions, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """`actions` by scores (b, n_actions)."""
        if sessions.settings.actions == "slate":
            return _first(sessions, scores, min(sessions.settings.slate_size, sessions.offered.shape[1]))
        return np.where(sessions.closed, -np.inf, scores).argmax(axis=1)


def _first(sessions: Sessions, scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    available = np.where(sessions.closed, -np.inf, scores).astype(np.float32)
    return np.argsort(-available, axis=1, kind="stable")[:, :k]


class RandomPolicy(Policy):
    """Any item with equal chances.

    Parameters
    ----------
    seed
        Of its choices.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Noise."""
        return self._rng.random(sessions.seen.shape, dtype=np.float32)


class PopularityPolicy(Policy):
    """The item with most likes in training interactions."""

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Numbers of likes."""
        interactions = sessions.simulator.interactions
        likes = np.bincount(interactions.items[interactions.likes], minlength=interactions.n_items)
        return np.broadcast_to(likes[sessions.catalogue].astype(np.float32), sessions.seen.shape)


class ItemMeanPolicy(Policy):
    """The item with the highest like rate in training interactions, each given some reactions at the average."""

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Logits of smoothed like rates."""
        return np.broadcast_to(like_logits(sessions.simulator)[sessions.catalogue], sessions.seen.shape)


class SASRecPolicy(Policy):
    """The item that SASRec finds likeliest to be liked: recommending without reinforcement learning."""

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """SASRec's P(like)."""
        return sessions.simulator.sasrec.catalogue_probabilities(sessions.histories)[:, sessions.catalogue]


class NearestPolicy(Policy):
    """The item nearest to the user in the space that candidates are found in: what needs no learning there."""

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Inner products."""
        return sessions.user_vectors() @ sessions.item_space.vectors.T


class LearnedPolicy(Policy):
    """What an agent learned.

    Parameters
    ----------
    scorer
        Its network, for the catalogue that the sessions have.
    axes
        On which the network sees tastes.
    """

    def __init__(self, scorer: ItemScorer, axes: TasteAxes) -> None:
        self.scorer, self.axes = scorer, axes
        self._tastes: tuple[ItemKnowledge, Tastes] | None = None

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Logits or values.

        Raises
        ------
        ValueError
            Where the network was trained for another catalogue.
        """
        if len(self.scorer.biases) != sessions.n_actions:
            raise ValueError(
                f"the policy was trained for {len(self.scorer.biases)} items, the sessions have {sessions.n_actions}; "
                "use the environment settings that it was trained with"
            )
        with torch.inference_mode():
            return self.scorer.scores(torch.from_numpy(self.states(sessions))).numpy()

    def states(self, sessions: Sessions) -> NDArray[np.float32]:
        """What the network sees but for the items seen: float32 array of shape (b, p + t)."""
        knowledge = sessions.simulator.knowledge
        if self._tastes is None or self._tastes[0] is not knowledge:
            self._tastes = (knowledge, Tastes(knowledge, self.axes))
        taste = self._tastes[1].users(sessions.histories)
        return np.concatenate([sessions.observations()["user"], taste], axis=1, dtype=np.float32)


@dataclass(frozen=True)
class Recommendations:
    """The best items of b users, best first.

    Parameters
    ----------
    items
        int64 array of shape (b, k): items, `NO_ITEM` where a user has reacted to all others.
    probabilities
        float32 array of shape (b, k): the calibrated P(like) of each, 0 for `NO_ITEM`.
    """

    items: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def recommend(
    policy: Policy, simulator: UserSimulator, environment: EnvironmentSettings, users: NDArray[np.int64], k: int
) -> Recommendations:
    """The k best items for each user, given the user's training interactions.

    Parameters
    ----------
    policy
        Who recommends.
    simulator
        The audience that it was trained on; it also says how likely each item is liked.
    environment
        Rules of the sessions that the policy is for.
    users
        int64 array of shape (b,): row numbers.
    k
        Items a user; fewer where the catalogue is smaller.

    Raises
    ------
    ValueError
        Where there is no such user, or k is not positive.
    """
    if k < 1 or np.any((users < 0) | (users >= simulator.n_users)):
        raise ValueError(f"expected k from 1 and users from 0 to {simulator.n_users - 1}; found k {k}, users {users}")
    width = min(k, len(catalogue(simulator, environment.catalogue_size)))
    items, probabilities = np.full((len(users), width), NO_ITEM), np.zeros((len(users), width), dtype=np.float32)
    for start in range(0, len(users), _USERS_AT_ONCE):
        sessions = Sessions.for_users(simulator, environment, users[start : start + _USERS_AT_ONCE])
        actions = policy.top_k(sessions, k)
        rows, places = np.nonzero(~np.take_along_axis(sessions.closed, actions, axis=1))
        chosen = sessions.catalogue[actions[rows, places]]
        tossed = np.zeros((len(rows), COINS))  # reactions are not looked at
        responses = simulator.respond(sessions.users[rows], chosen, sessions.histories[rows], tossed)
        items[start + rows, places], probabilities[start + rows, places] = chosen, responses.probability
    return Recommendations(items, probabilities)
