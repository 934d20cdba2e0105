"""Result of comparing policies on simulated users: report/reinforcement.json.

The metrics are defined in models/policy_evaluation/values.py.
"""

from __future__ import annotations

from models.metrics.intervals import Estimate
from models.metrics.results import Result


class PolicyScores(Result):
    """One policy's row: its metrics, and what an episode brings more than the same episode with another policy.

    Parameters
    ----------
    training_seconds
        Mean wall time of training over its seeds; 0 for a policy without training.
    over_random, over_popularity
        What an episode brings more than with that baseline; None where the baseline was not played.
    regret
        What the same episode brings more with the upper line; None where that was not played.
    """

    average_reward: Estimate
    total_reward: Estimate
    liking_at_10: Estimate
    coverage: Estimate
    gini: Estimate
    novelty: Estimate
    diversity: Estimate
    repetition: Estimate
    training_seconds: float
    over_random: Estimate | None = None
    over_popularity: Estimate | None = None
    regret: Estimate | None = None


class PolicyDifference(Estimate):
    """What an episode brings more with `policy` than with `against`."""

    policy: str
    against: str


class Reinforcement(Result):
    """The comparison of all policies of a run.

    Parameters
    ----------
    steps, seeds, episodes
        Environment steps of training a policy, seeds of training, evaluation episodes.
    catalogue
        Number of items that can be recommended.
    reward, users
        What a step is rewarded by, and whose sessions were evaluated: all, train or held_out.
    learning_curves
        Trained policy to its pairs (environment steps, average reward of an episode while training, of the mean length
        of the evaluation episodes).
    """

    dataset: str
    steps: int
    seeds: tuple[int, ...]
    episodes: int
    catalogue: int
    reward: str
    users: str
    policies: dict[str, PolicyScores]
    comparisons: tuple[PolicyDifference, ...]
    learning_curves: dict[str, tuple[tuple[int, float], ...]]
