"""LinUCB: a contextual bandit whose reward is linear in features of the user and the item.

Source: Chu, Li, Reyzin and Schapire (2011), "Contextual bandits with linear payoff functions"; Li et al.,
arXiv 1003.0146. One weight vector serves all items, so that a reaction to one teaches about the others:

    score(s, i) = x theta + alpha sqrt(x A^-1 x),   A = ridge I + sum of x x over what was recommended

with x = (SASRec's state times the item's vector, element by element; that vector; the logit of the item's training
like rate; the user's statistics of the running session; 1). It looks one step ahead only and is a baseline: what is
there to learn without credit assignment and without a network?
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.item_scorer import ItemPrior
from models.policies import Policy
from models.sessions import EnvironmentSettings, SessionBatch
from models.simulator import UserSimulator

_RIDGE = 1.0
_USERS_AT_ONCE = 64


class LinUCBPolicy(Policy):
    """A bandit that has learned; it goes on exploring by its bound, but learns no more.

    Parameters
    ----------
    prior
        Vectors and biases of the n actions.
    alpha
        Width of the confidence bound; 0 recommends by the estimate alone.
    user_size
        Length p of the observation "user".
    """

    def __init__(self, prior: ItemPrior, alpha: float, user_size: int) -> None:
        self._prior, self.alpha = prior, alpha
        d = prior.vectors.shape[1]
        size = d + d + 1 + (user_size - d) + 1
        self._inverse, self._moment = np.eye(size) / _RIDGE, np.zeros(size)

    @property
    def weights(self) -> NDArray[np.float64]:
        """theta: float64 array of shape (f,)."""
        return self._inverse @ self._moment

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Upper confidence bounds."""
        return self.bounds(sessions.observations()["user"])

    def bounds(self, users: NDArray[np.number]) -> NDArray[np.float32]:
        """Estimate plus confidence bound of every action: float32 (b, n), of users' states (b, p)."""
        weights, inverse = self.weights.astype(np.float32), self._inverse.astype(np.float32)
        n = len(self._prior.biases)
        parts = []
        for start in range(0, len(users), _USERS_AT_ONCE):
            part = users[start : start + _USERS_AT_ONCE]
            x = self._features(np.repeat(part, n, axis=0), np.tile(np.arange(n), len(part)))  # (b n, f)
            spread = np.einsum("rf,rf->r", x @ inverse, x)
            parts.append((x @ weights + self.alpha * np.sqrt(np.maximum(spread, 0))).reshape(len(part), n))
        return np.concatenate(parts)

    def learn(self, users: NDArray[np.number], actions: NDArray[np.int64], rewards: NDArray[np.float32]) -> None:
        """Take in what recommending `actions` (b,) to users in the states `users` (b, p) earned, `rewards` (b,)."""
        x = self._features(users, actions).astype(np.float64)
        # Woodbury: (A + x' x)^-1 from A^-1 by solving b equations instead of f.
        ax = self._inverse @ x.T  # (f, b)
        self._inverse -= ax @ np.linalg.solve(np.eye(len(x)) + x @ ax, ax.T)
        self._moment += rewards @ x

    def _features(self, users: NDArray[np.number], actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """x of one action each: float32 (b, f)."""
        vectors, biases = self._prior.vectors[actions], self._prior.biases[actions]
        d = vectors.shape[1]
        ones = np.ones((len(users), 1), dtype=np.float32)
        x = np.concatenate([users[:, :d] * vectors, vectors, biases[:, None], users[:, d:], ones], axis=1)
        return x.astype(np.float32, copy=False)


def train_lin_ucb(
    simulator: UserSimulator, environment: EnvironmentSettings, *, steps: int, n_envs: int, alpha: float, seed: int
) -> LinUCBPolicy:
    """A bandit after `steps` recommendations to `n_envs` sessions at once; it learns after each round of them.

    Parameters
    ----------
    simulator
        The audience.
    environment
        Rules of a session.
    steps, n_envs
        Recommendations in all, and at a time.
    alpha
        Width of the confidence bound.
    seed
        Of the sessions; the bandit itself throws no coin.
    """
    seeds = np.random.SeedSequence(seed).generate_state(n_envs, np.uint64).tolist()
    sessions = SessionBatch(simulator, environment, seeds)
    policy = LinUCBPolicy(ItemPrior.of(sessions), alpha, sessions.observations()["user"].shape[1])
    for _ in range(max(1, steps // n_envs)):
        users = sessions.observations()["user"]
        bounds = policy.bounds(users)
        actions = np.where(sessions.seen, -np.inf, bounds).argmax(axis=1)
        outcome = sessions.step(actions)
        policy.learn(users, actions, outcome.rewards)
        sessions.begin(np.flatnonzero(outcome.done))
    return policy
