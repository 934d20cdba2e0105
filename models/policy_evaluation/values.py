"""Comparison of recommendation policies on simulated users, with common random numbers.

Every policy is evaluated on the same episodes: the same users, the same coins, the same session ends, so that a
difference between two policies is theirs and not luck's. The paper (arXiv 2412.16984) names its metrics without
defining them; here

- average_reward: mean undiscounted return of an evaluation episode,
- total_reward: its sum over the evaluation episodes,
- liking_at_10: share of a policy's ten top items for a user, at the start of the session, that the user likes,
- coverage: share of the catalogue recommended at least once in the evaluation episodes,
- gini: how unequally often the catalogue's items are recommended,
- novelty, diversity, repetition: means over episodes of what models/policy_evaluation/breadth.py defines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.metrics.intervals import Estimate, combined, crossed_interval
from models.policy_evaluation.breadth import Breadth, gini, repetition
from models.policy_evaluation.episodes import batches, play
from models.policy_evaluation.truth import Truth
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator, coins

_TOP = 10
_RESAMPLES = 200
_SHARES = ("liking_at_10", "coverage", "gini", "repetition")
_OF_EPISODES = ("average_reward", "liking_at_10", "novelty", "diversity", "repetition")
METRICS = ("average_reward", "total_reward", "liking_at_10", "coverage", "gini", "novelty", "diversity", "repetition")


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
    counts
        int32 array of shape (e, n_actions): how often each action was taken in an episode.
    breadth
        Facts of the actions.
    true_likes
        float64 array of shape (e,): sums of the true P(like) of what was taken; None where no truth is known.
    """

    users: NDArray[np.int64]
    returns: NDArray[np.float64]
    liking: NDArray[np.float64]
    counts: NDArray[np.int32]
    breadth: Breadth
    true_likes: NDArray[np.float64] | None = None

    def by_episode(self) -> dict[str, NDArray[np.float64]]:
        """The metrics that are means over episodes, before the mean: float64 (e,) each."""
        return {
            "average_reward": self.returns,
            "liking_at_10": self.liking,
            "novelty": self.breadth.novelty(self.counts),
            "diversity": self.breadth.diversity(self.counts),
            "repetition": repetition(self.counts),
        }

    def catalogue_metrics(self, weights: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Coverage and gini; with `weights` (e,), each episode counts so many times."""
        counts = self.counts.sum(axis=0, dtype=np.int64) if weights is None else weights @ self.counts
        return {"coverage": float((counts > 0).mean()), "gini": gini(counts)}

    @property
    def length(self) -> float:
        """Mean number of recommended items of an episode."""
        return float(self.counts.sum(axis=1).mean())

    def metrics(self) -> dict[str, float]:
        """All of `METRICS`."""
        means = {name: float(values.mean()) for name, values in self.by_episode().items()}
        means |= {"total_reward": means["average_reward"] * len(self.returns)} | self.catalogue_metrics()
        return {name: means[name] for name in METRICS}


def evaluate_policy(
    policy: Policy,
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    episodes: int,
    seed: int,
    *,
    truth: Truth | None = None,
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
    truth
        Of a generated world.
    """
    parts = []
    for start, sessions in batches(simulator, environment, episodes, seed):
        users, breadth, shape = sessions.users.copy(), Breadth.of(sessions), sessions.seen.shape
        liking, played = _liking(policy, sessions, (seed, start)), play(policy, sessions, truth=truth)
        counts = np.zeros(shape, dtype=np.int32)
        np.add.at(counts, (played.episodes[:, None], played.shown), 1)
        returns, true = (
            np.bincount(played.episodes, values, len(users)).astype(np.float64)
            for values in (played.rewards, played.true_probabilities)
        )
        parts.append(Evaluation(users, returns, liking, counts, breadth, true))
    return Evaluation(
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.returns for part in parts]),
        np.concatenate([part.liking for part in parts]),
        np.concatenate([part.counts for part in parts]),
        parts[0].breadth,
        None if truth is None else np.concatenate([part.true_likes for part in parts if part.true_likes is not None]),
    )


def _liking(policy: Policy, sessions: Sessions, seed: tuple[int, int]) -> NDArray[np.float64]:
    """Share of each user's ten top items that they like, each judged by the history at the start: (b,)."""
    top = policy.top_k(sessions, _TOP)
    rows = np.repeat(np.arange(len(sessions)), top.shape[1])
    tossed = coins(np.random.default_rng(seed), len(rows))
    responses = sessions.simulator.respond(
        sessions.users[rows], sessions.catalogue[top.ravel()], sessions.histories[rows], tossed
    )
    return responses.reacting(sessions.settings.reaction).like.reshape(top.shape).mean(axis=1)


def over_seeds(evaluations: Sequence[Evaluation], seed: int) -> dict[str, Estimate]:
    """Each metric's mean over training seeds and episodes, with an interval over both.

    Parameters
    ----------
    evaluations
        Of the policies trained with different seeds, or the one of a policy without training.
    seed
        Of the bootstrap over episodes that coverage and gini need, which are no means over episodes.
    """
    by_episode = [evaluation.by_episode() for evaluation in evaluations]
    estimates = {name: crossed_interval(np.stack([values[name] for values in by_episode])) for name in _OF_EPISODES}
    episodes, average = len(evaluations[0].returns), estimates["average_reward"]
    low, high = average.ci95
    estimates["total_reward"] = Estimate(mean=episodes * average.mean, ci95=(episodes * low, episodes * high))
    estimates |= _catalogue_metrics(evaluations, seed)
    return {name: _bounded(name, estimates[name]) for name in METRICS}


def paired_difference(evaluations: Sequence[Evaluation], baselines: Sequence[Evaluation]) -> Estimate:
    """How much more an episode brings than the same episode with another policy, over seeds and episodes.

    Parameters
    ----------
    evaluations
        Of one policy's seeds.
    baselines
        Of the other's, on the same episodes: one, or as many; then seeds are paired in order.
    """
    returns = np.stack([evaluation.returns for evaluation in evaluations])
    return crossed_interval(returns - np.stack([evaluation.returns for evaluation in baselines]))


def all_pairs(evaluations: Mapping[str, Sequence[Evaluation]]) -> dict[tuple[str, str], Estimate]:
    """`paired_difference` of every policy and each that comes after it."""
    return {
        (first, second): paired_difference(evaluations[first], evaluations[second])
        for first, second in combinations(evaluations, 2)
    }


def _catalogue_metrics(evaluations: Sequence[Evaluation], seed: int) -> dict[str, Estimate]:
    rng = np.random.default_rng(seed)
    seeds, episodes = len(evaluations), len(evaluations[0].returns)
    by_seed = [evaluation.catalogue_metrics() for evaluation in evaluations]
    resampled = []
    for _ in range(_RESAMPLES):
        weights = np.bincount(rng.integers(episodes, size=episodes), minlength=episodes)
        resampled.append([evaluation.catalogue_metrics(weights) for evaluation in evaluations])
    estimates = {}
    for name in by_seed[0]:
        values = np.array([metrics[name] for metrics in by_seed])
        resampled_means = np.array([[metrics[name] for metrics in row] for row in resampled]).mean(axis=1)
        parts = [(float(resampled_means.var(ddof=1)), max(1, episodes - 1))]
        if seeds > 1:
            parts.append((float(values.var(ddof=1)) / seeds, seeds - 1))
        estimates[name] = combined(float(values.mean()), tuple(parts))
    return estimates


def _bounded(name: str, estimate: Estimate) -> Estimate:
    """A share's interval ends at 0 and 1."""
    low, high = estimate.ci95
    return Estimate(mean=estimate.mean, ci95=(max(low, 0.0), min(high, 1.0))) if name in _SHARES else estimate
