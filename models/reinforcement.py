"""Comparison of recommendation policies on simulated users, with common random numbers.

Every policy is evaluated on the same episodes: the same users, the same coins, the same session ends, so that a
difference between two policies is theirs and not luck's. The paper (arXiv 2412.16984) names its metrics without
defining them; here

- average_reward: mean undiscounted return of an evaluation episode,
- total_reward: its sum over the evaluation episodes,
- liking_at_10: share of a policy's ten top items for a user, at the start of the session, that the user likes by vote,
- coverage: share of the catalogue recommended at least once in the evaluation episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from models.policies import Policy
from models.sessions import EnvironmentSettings, SessionBatch
from models.simulator import UserSimulator

_SESSIONS_AT_ONCE = 128
_TOP = 10
_RESAMPLES = 500
_SHARES = ("liking_at_10", "coverage")
METRICS = ("average_reward", "total_reward", "liking_at_10", "coverage")


class Estimate(TypedDict):
    """A mean and its 95 % confidence interval [low, high]."""

    mean: float
    ci95: list[float]


@dataclass(frozen=True)
class Evaluation:
    """One policy on e episodes.

    Parameters
    ----------
    users
        int64 array of shape (e,): whose episodes.
    returns
        float64 array of shape (e,): undiscounted sums of rewards.
    liking
        float64 array of shape (e,): share of the ten top items liked.
    recommended
        bool array of shape (e, n_actions): what was recommended in an episode.
    """

    users: NDArray[np.int64]
    returns: NDArray[np.float64]
    liking: NDArray[np.float64]
    recommended: NDArray[np.bool_]

    def metrics(self, weights: NDArray[np.int64] | None = None) -> dict[str, float]:
        """The four metrics; with `weights` (e,), each episode counts so many times."""
        counts = np.ones(len(self.returns), dtype=np.int64) if weights is None else weights
        average = float(np.average(self.returns, weights=counts))
        return {
            "average_reward": average,
            "total_reward": average * len(self.returns),
            "liking_at_10": float(np.average(self.liking, weights=counts)),
            "coverage": float(self.recommended[counts > 0].any(axis=0).mean()),
        }


def evaluate(
    policy: Policy, simulator: UserSimulator, environment: EnvironmentSettings, episodes: int, seed: int
) -> Evaluation:
    """Play `episodes` sessions with one policy.

    Parameters
    ----------
    policy
        Chooses among what the user has not seen.
    simulator
        The audience.
    environment
        Rules of a session.
    episodes
        Number of sessions; session e's user, coins and end depend on `seed` and e only.
    seed
        The same for policies that are to be compared.
    """
    seeds = np.random.SeedSequence(seed).generate_state(episodes, np.uint64).tolist()
    parts = [
        _play(policy, SessionBatch(simulator, environment, seeds[start : start + _SESSIONS_AT_ONCE]), (seed, start))
        for start in range(0, episodes, _SESSIONS_AT_ONCE)
    ]
    return Evaluation(
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.returns for part in parts]),
        np.concatenate([part.liking for part in parts]),
        np.concatenate([part.recommended for part in parts]),
    )


def _play(policy: Policy, sessions: SessionBatch, seed: tuple[int, int]) -> Evaluation:
    """All sessions of a batch to their ends; those that ended are no longer stepped."""
    users, liking = sessions.users.copy(), _liking(policy, sessions, seed)
    returns = np.zeros(len(sessions))
    recommended = np.zeros(sessions.seen.shape, dtype=bool)
    running = np.arange(len(sessions))  # the episode of each session that still runs
    while len(running):
        actions = policy.actions(sessions)
        outcome = sessions.step(actions)
        returns[running] += outcome.rewards
        recommended[running, actions] = True
        going_on = np.flatnonzero(~outcome.done)
        sessions.keep(going_on)
        running = running[going_on]
    return Evaluation(users, returns, liking, recommended)


def _liking(policy: Policy, sessions: SessionBatch, seed: tuple[int, int]) -> NDArray[np.float64]:
    """Share of each user's ten top items that they like, each judged by the history at the start: (b,)."""
    top = policy.top_k(sessions, _TOP)
    rows = np.repeat(np.arange(len(sessions)), top.shape[1])
    responses = sessions.simulator.respond(
        sessions.users[rows], sessions.catalogue[top.ravel()], sessions.histories[rows], np.random.default_rng(seed)
    )
    return responses.like.reshape(top.shape).mean(axis=1)


def over_seeds(evaluations: Sequence[Evaluation], seed: int) -> dict[str, Estimate]:
    """Each metric's mean over training seeds with a t-interval; of one evaluation, with an interval over episodes.

    Parameters
    ----------
    evaluations
        Of the policies trained with different seeds, or the one of a policy without training.
    seed
        Of the bootstrap in the case of one.
    """
    if len(evaluations) == 1:
        return _over_episodes(evaluations[0], seed)
    rows = [evaluation.metrics() for evaluation in evaluations]
    return {name: _bounded(name, t_interval(np.array([row[name] for row in rows]))) for name in METRICS}


def paired_difference(evaluations: Sequence[Evaluation], baseline: Evaluation) -> Estimate:
    """How much more an episode brings than the same episode with the baseline; the interval is over episodes.

    Parameters
    ----------
    evaluations
        Of one algorithm's seeds; an episode's returns are averaged over them.
    baseline
        On the same episodes.
    """
    differences = np.mean([evaluation.returns for evaluation in evaluations], axis=0) - baseline.returns
    return t_interval(differences)


def t_interval(values: NDArray[np.float64]) -> Estimate:
    """Mean of at least two independent values and its 95 % interval by Student's t."""
    n, mean = len(values), float(values.mean())
    half = float(student.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / n**0.5
    return {"mean": mean, "ci95": [mean - half, mean + half]}


def _over_episodes(evaluation: Evaluation, seed: int) -> dict[str, Estimate]:
    """Normal intervals with the standard errors of a bootstrap over episodes."""
    rng = np.random.default_rng(seed)
    e = len(evaluation.returns)
    resampled = [evaluation.metrics(np.bincount(rng.integers(e, size=e), minlength=e)) for _ in range(_RESAMPLES)]
    estimates: dict[str, Estimate] = {}
    for name, mean in evaluation.metrics().items():
        half = 1.96 * float(np.std([metrics[name] for metrics in resampled], ddof=1))
        estimates[name] = _bounded(name, {"mean": mean, "ci95": [mean - half, mean + half]})
    return estimates


def _bounded(name: str, estimate: Estimate) -> Estimate:
    """A share's interval ends at 0 and 1."""
    low, high = estimate["ci95"]
    return {"mean": estimate["mean"], "ci95": [max(low, 0.0), min(high, 1.0)]} if name in _SHARES else estimate
