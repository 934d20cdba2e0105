"""LinUCB: a contextual bandit whose reward is linear in features of the user and the item.

Source: Chu, Li, Reyzin and Schapire (2011), "Contextual bandits with linear payoff functions"; Li et al.,
arXiv 1003.0146. One weight vector serves all items, so that a reaction to one teaches about the others:

    score(s, i) = x theta + alpha sqrt(x A^-1 x),   A = ridge I + sum of x x over what was recommended

with x = (SASRec's state times the item's vector, element by element; the user's taste times the item's description,
likewise; the item's vector; the logit of its training like rate; the user's statistics of the running session; 1). It
looks one step ahead only and is a baseline: what is there to learn without credit assignment and without a network?
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.agents.item_scorer import ItemPrior
from models.agents.policies import Policy
from models.agents.settings import AgentSettings
from models.interactions import NO_ITEM
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes

_RIDGE = 1.0
_USERS_AT_ONCE = 64
_TASTE_SCALE = 10.0  # means over a history are small, and ridge regression minds


class LinUCBPolicy(Policy):
    """A bandit that has learned; it goes on exploring by its bound, but learns no more.

    Parameters
    ----------
    prior
        Vectors, biases and tastes of the n actions.
    tastes
        Of the same simulator.
    alpha
        Width of the confidence bound; 0 recommends by the estimate alone.
    user_size
        Length p of the observation "user".
    """

    def __init__(self, prior: ItemPrior, tastes: Tastes, alpha: float, user_size: int) -> None:
        self._prior, self._tastes, self.alpha = prior, tastes, alpha
        size = prior.vectors.shape[1] + prior.tastes.shape[1] + 1 + user_size + 1
        self._inverse, self._moment = np.eye(size) / _RIDGE, np.zeros(size)

    @property
    def weights(self) -> NDArray[np.float64]:
        """theta: float64 array of shape (f,)."""
        return self._inverse @ self._moment

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Upper confidence bounds."""
        return self.bounds(self.states(sessions))

    def states(self, sessions: Sessions) -> NDArray[np.float32]:
        """What the bandit sees of the users: float32 array of shape (b, p + t)."""
        taste = self._tastes.users(sessions.histories)
        return np.concatenate([sessions.observations()["user"], taste], axis=1, dtype=np.float32)

    def bounds(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimate plus confidence bound of every action: float32 (b, n), of states (b, p + t)."""
        weights, inverse = self.weights.astype(np.float32), self._inverse.astype(np.float32)
        n = len(self._prior.biases)
        parts = []
        for start in range(0, len(states), _USERS_AT_ONCE):
            part = states[start : start + _USERS_AT_ONCE]
            x = self._features(np.repeat(part, n, axis=0), np.tile(np.arange(n), len(part)))  # (b n, f)
            spread = np.einsum("rf,rf->r", x @ inverse, x)
            parts.append((x @ weights + self.alpha * np.sqrt(np.maximum(spread, 0))).reshape(len(part), n))
        return np.concatenate(parts)

    def learn(self, states: NDArray[np.float32], actions: NDArray[np.int64], rewards: NDArray[np.float32]) -> None:
        """Take in what recommending `actions` (b,) to users in `states` (b, p + t) earned, `rewards` (b,)."""
        x = self._features(states, actions).astype(np.float64)
        # Woodbury: (A + x' x)^-1 from A^-1 by solving b equations instead of f.
        ax = self._inverse @ x.T  # (f, b)
        self._inverse -= ax @ np.linalg.solve(np.eye(len(x)) + x @ ax, ax.T)
        self._moment += rewards @ x

    def _features(self, states: NDArray[np.float32], actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """x of one action each: float32 (b, f)."""
        vectors, tastes = self._prior.vectors[actions], self._prior.tastes[actions]
        biases, ones = self._prior.biases[actions][:, None], np.ones((len(states), 1), dtype=np.float32)
        d, p = vectors.shape[1], states.shape[1] - tastes.shape[1]
        parts = (states[:, :d] * vectors, _TASTE_SCALE * states[:, p:] * tastes, vectors, biases, states[:, d:p], ones)
        return np.concatenate(parts, axis=1)


def train_lin_ucb(
    simulator: UserSimulator, environment: EnvironmentSettings, settings: AgentSettings, seed: int
) -> LinUCBPolicy:
    """A bandit that learns after each round of recommendations to all sessions at once.

    Parameters
    ----------
    simulator
        The audience.
    environment
        Rules of a session.
    settings
        How many steps and sessions, the width of the confidence bound, the axes of taste.
    seed
        Of the sessions; the bandit itself throws no coin.
    """
    n_envs = settings.n_envs
    seeds = np.random.SeedSequence(seed).generate_state(n_envs, np.uint64).tolist()
    sessions = Sessions(simulator, environment, seeds)
    tastes = Tastes(simulator.knowledge, TasteAxes.of(simulator.knowledge, settings.taste_rank))
    user_size = sessions.observations()["user"].shape[1]
    policy = LinUCBPolicy(ItemPrior.of(sessions, tastes), tastes, settings.lin_ucb_alpha, user_size)
    for _ in range(max(1, settings.steps // n_envs)):
        states = policy.states(sessions)
        bounds = policy.bounds(states)
        result = sessions.step(policy.best(sessions, bounds))
        chosen = result.actions != NO_ITEM
        policy.learn(states[chosen], result.actions[chosen], result.rewards[chosen])
        sessions.begin(np.flatnonzero(result.done))
    return policy
