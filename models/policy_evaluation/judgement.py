"""What speaks for a policy beside the simulator's own reward: the known truth, or held-out ratings.

On a generated world the judge is the truth: the sum over a session of the true P(like) of what was taken. On real data
it is the doubly robust estimate of the share of likes (models/policy_evaluation/off_policy.py). Either way a policy is
held against the agents' network before training and the item mean on the same sessions, or the same users. What the
simulator praises, a reward surely above the item mean's, is then

- confirmed, where the judge's difference to the item mean is surely above 0 as well,
- contradicted, where it is surely below 0,
- open, where its interval holds 0.

Agreement says how alike the simulator and the judge put all policies in order: Spearman's and Kendall's rank
correlation of rewards and judged values (Kendall's tau-b), with the intervals of a bootstrap over episodes, and over
users where held-out ratings judge. It is of these policies, as they were trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from models.metrics.intervals import Estimate, crossed_interval
from models.metrics.results import Result
from models.policy_evaluation.off_policy import OffPolicyValue, resampled_estimate
from models.policy_evaluation.values import Evaluation

JudgeName = Literal["truth", "held_out_ratings"]
Praise = Literal["confirmed", "open", "contradicted"]
_RESAMPLES = 500


class Judgement(Result):
    """A policy's value by the judge.

    Parameters
    ----------
    value
        True likes of a session, or the doubly robust estimate of the share of likes.
    over_untrained, over_item_mean
        Paired differences of it; None where that policy was not played.
    snips, effective_reactions
        The other estimate from held-out ratings, and how many of them speak of the policy; None beside a truth.
    praise
        What becomes of the simulator's praise; None where it does not praise the policy.
    """

    value: Estimate
    over_untrained: Estimate | None = None
    over_item_mean: Estimate | None = None
    snips: Estimate | None = None
    effective_reactions: float | None = None
    praise: Praise | None = None


class Agreement(Result):
    """How alike the simulator and the judge put `policies` policies in order."""

    policies: int
    spearman: Estimate
    kendall: Estimate


def judged_by_truth(evaluations: Mapping[str, Sequence[Evaluation]]) -> dict[str, Judgement]:
    """Judgements of policies that were played in a generated world, one evaluation a training seed."""
    true = {name: np.stack([_true(part) for part in parts]) for name, parts in evaluations.items()}

    def over(name: str, other: str) -> Estimate | None:
        return crossed_interval(true[name] - true[other]) if other in true else None

    return {
        name: Judgement(
            value=crossed_interval(likes),
            over_untrained=over(name, "untrained"),
            over_item_mean=over(name, "item_mean"),
        )
        for name, likes in true.items()
    }


def judged_by_ratings(values: Mapping[str, OffPolicyValue]) -> dict[str, Judgement]:
    """Judgements from held-out ratings, of estimates that share their bootstrap samples."""

    def over(value: OffPolicyValue, other: str) -> Estimate | None:
        reference = values.get(other)
        if reference is None:
            return None
        return resampled_estimate(value.dr.mean - reference.dr.mean, value.resampled - reference.resampled)

    return {
        name: Judgement(
            value=value.dr,
            over_untrained=over(value, "untrained"),
            over_item_mean=over(value, "item_mean"),
            snips=value.snips,
            effective_reactions=value.effective,
        )
        for name, value in values.items()
    }


def with_praise(judgement: Judgement, reward_over_item_mean: Estimate | None) -> Judgement:
    """The judgement, with what it makes of a reward that is surely above the item mean's."""
    judged = judgement.over_item_mean
    if judged is None or reward_over_item_mean is None or reward_over_item_mean.ci95[0] <= 0:
        return judgement
    low, high = judged.ci95
    praise: Praise = "confirmed" if low > 0 else "contradicted" if high < 0 else "open"
    return judgement.model_copy(update={"praise": praise})


def agreement_with_truth(evaluations: Mapping[str, Sequence[Evaluation]], seed: int) -> Agreement | None:
    """How alike rewards and true likes order policies that were played in a generated world."""
    rewards = _means(np.stack([_over_seeds([part.returns for part in parts]) for parts in evaluations.values()]), seed)
    true = _means(np.stack([_over_seeds([_true(part) for part in parts]) for parts in evaluations.values()]), seed)
    return _agreement(rewards, true)


def agreement_with_ratings(
    evaluations: Mapping[str, Sequence[Evaluation]], values: Mapping[str, OffPolicyValue], seed: int
) -> Agreement | None:
    """How alike rewards and doubly robust estimates order the policies."""
    rewards = _means(np.stack([_over_seeds([part.returns for part in parts]) for parts in evaluations.values()]), seed)
    estimates = np.stack([[values[name].dr.mean, *values[name].resampled] for name in evaluations])
    return _agreement(rewards, estimates)


def _agreement(first: NDArray[np.float64], second: NDArray[np.float64]) -> Agreement | None:
    """Rank correlations of two sets of numbers (policies, 1 + draws), the first column as it is, the others resampled.

    None for fewer than three policies, which say nothing.
    """
    if len(first) < 3:
        return None
    correlations = {"spearman": spearmanr, "kendall": kendalltau}
    return Agreement(
        policies=len(first), **{name: _estimate(measure, first, second) for name, measure in correlations.items()}
    )


def _estimate(
    measure: Callable[[NDArray[np.float64], NDArray[np.float64]], Sequence[float]],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> Estimate:
    values = np.array([measure(*columns)[0] for columns in zip(first.T, second.T, strict=True)])
    return resampled_estimate(float(values[0]), values[1:])


def _means(by_episode: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Means of numbers (policies, episodes) over all and over bootstrap samples: float64 (policies, 1 + draws)."""
    n, rng = by_episode.shape[1], np.random.default_rng(seed)
    counts = [np.ones(n), *(np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(_RESAMPLES))]
    return by_episode @ np.stack(counts, axis=1) / n


def _over_seeds(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.mean(parts, axis=0)


def _true(evaluation: Evaluation) -> NDArray[np.float64]:
    if evaluation.true_likes is None:
        raise ValueError("the policy was not played in a generated world")
    return evaluation.true_likes
