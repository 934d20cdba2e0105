"""Result of comparing policies on simulated users: report/reinforcement.json.

The metrics are defined in models/policy_evaluation/values.py.
"""

from __future__ import annotations

from models.metrics.intervals import Estimate
from models.metrics.results import Result
from models.policy_evaluation.judgement import Agreement, Judgement, JudgeName


class PolicyScores(Result):
    """One policy's row: its metrics, what an episode earns more than with another policy, and what the judge says.

    Parameters
    ----------
    training_seconds
        Mean wall time of training over its seeds; 0 for a policy without training.
    over_untrained, over_item_mean
        What an episode earns more from the simulator than the same episode with that policy; None where it was not
        played.
    regret
        What the same episode earns more with the upper line; None where that was not played.
    judgement
        What the truth or held-out ratings say of the policy; None without judge.
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
    over_untrained: Estimate | None = None
    over_item_mean: Estimate | None = None
    regret: Estimate | None = None
    judgement: Judgement | None = None


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
    judge
        What `policies` are judged by: the truth of a generated world, or held-out ratings; None where there is neither.
    judged_reactions
        Held-out reactions that judge; None where the truth does.
    agreement
        How alike the simulator and the judge put the policies in order.
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
    judge: JudgeName | None = None
    judged_reactions: int | None = None
    agreement: Agreement | None = None
    learning_curves: dict[str, tuple[tuple[int, float], ...]]
