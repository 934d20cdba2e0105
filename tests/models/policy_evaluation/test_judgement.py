"""A judge's differences are paired, its praise follows from them, and agreement is that of the two orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics.intervals import Estimate
from models.policy_evaluation.breadth import Breadth
from models.policy_evaluation.judgement import (
    Judgement,
    agreement_with_ratings,
    agreement_with_truth,
    judged_by_ratings,
    judged_by_truth,
    with_praise,
)
from models.policy_evaluation.off_policy import OffPolicyValue
from models.policy_evaluation.truth import GreedyTruthPolicy, Truth
from models.policy_evaluation.values import Evaluation, evaluate_policy
from tests.support.planted_worlds import GOOD, N_USERS, by_vote, planted_world

N = 200
LUCK = np.random.default_rng(0).normal(30, 5, size=N)  # of an episode, the same for all policies


def evaluation(reward: float, true: float) -> Evaluation:
    breadth = Breadth(np.arange(4, dtype=np.float64), np.eye(4, dtype=np.float32))
    noise = np.random.default_rng(abs(int(100_000 * true))).normal(scale=0.1, size=N)
    counts = np.ones((N, 4), dtype=np.int32)
    return Evaluation(np.arange(N), LUCK + reward, np.zeros(N), counts, breadth, LUCK + true + noise)


def value(dr: float) -> OffPolicyValue:
    resampled = dr + np.linspace(-0.01, 0.01, 500)
    estimate = Estimate(mean=dr, ci95=(dr - 0.01, dr + 0.01))
    return OffPolicyValue(estimate, estimate, 50.0, resampled)


def test_differences_by_the_truth_are_paired_episode_by_episode() -> None:
    judged = judged_by_truth({"item_mean": [evaluation(0, 0)], "ppo": [evaluation(5, 1), evaluation(5, 1.2)]})
    over = judged["ppo"].over_item_mean
    assert over is not None
    assert over.mean == pytest.approx(1.1, abs=0.03)
    assert over.ci95[1] - over.ci95[0] < 3, "the luck of episodes, ten times as large, is common to both"
    assert judged["ppo"].over_untrained is None
    assert judged["ppo"].value.mean == pytest.approx(LUCK.mean() + 1.1, abs=0.03)


def test_differences_by_ratings_are_paired_sample_by_sample() -> None:
    judged = judged_by_ratings({"item_mean": value(0.6), "untrained": value(0.65), "ppo": value(0.7)})
    over = judged["ppo"].over_item_mean
    assert over is not None
    assert over.mean == pytest.approx(0.1)
    assert over.ci95 == pytest.approx((0.1, 0.1)), "what the samples share is no uncertainty of a difference"
    assert judged["untrained"].over_untrained == Estimate(mean=0, ci95=(0, 0))
    assert judged["ppo"].effective_reactions == 50


@pytest.mark.parametrize(
    ("reward", "judged", "praise"),
    [
        ((0.1, 0.3), (0.2, 0.4), "confirmed"),
        ((0.1, 0.3), (-0.1, 0.4), "open"),
        ((0.1, 0.3), (-0.4, -0.2), "contradicted"),
        ((-0.1, 0.3), (-0.4, -0.2), None),  # nothing was praised
    ],
)
def test_praise_counts_where_the_judge_says_the_same(
    reward: tuple[float, float], judged: tuple[float, float], praise: str | None
) -> None:
    judgement = Judgement(value=Estimate(mean=1, ci95=(0, 2)), over_item_mean=Estimate(mean=0, ci95=judged))
    assert with_praise(judgement, Estimate(mean=0, ci95=reward)).praise == praise
    assert with_praise(judgement, None).praise is None


def test_equal_orders_agree_and_opposite_ones_do_not() -> None:
    played = {name: [evaluation(place, place)] for place, name in enumerate("abcd")}
    alike = agreement_with_truth(played, seed=0)
    assert alike is not None
    assert (alike.policies, alike.spearman.mean, alike.kendall.mean) == (4, 1, 1)
    opposite = {name: [evaluation(-place, place)] for place, name in enumerate("abcd")}
    against = agreement_with_truth(opposite, seed=0)
    assert against is not None
    assert (against.spearman.mean, against.kendall.mean) == (-1, -1)
    by_ratings = agreement_with_ratings(
        played, {name: value(0.5 + 0.1 * place) for place, name in enumerate("abcd")}, 0
    )
    assert by_ratings is not None
    assert by_ratings.spearman == Estimate(mean=1, ci95=(1, 1))


def test_policies_that_the_judge_hardly_tells_apart_leave_the_agreement_open() -> None:
    played = {name: [evaluation(place, 0.001 * place)] for place, name in enumerate("abcd")}
    agreement = agreement_with_truth(played, seed=0)
    assert agreement is not None
    assert agreement.kendall.ci95[1] - agreement.kendall.ci95[0] > 0.5


def test_two_policies_have_no_order_to_speak_of() -> None:
    assert agreement_with_truth({name: [evaluation(0, 0)] for name in "ab"}, seed=0) is None


def test_the_truth_cannot_judge_where_nobody_knows_it() -> None:
    with pytest.raises(ValueError, match="not played in a generated world"):
        judged_by_truth({"a": [replace(evaluation(0, 0), true_likes=None)]})


def test_true_likes_add_up_what_was_new_and_greedy_on_the_truth_takes_the_best_first() -> None:
    world, rules = planted_world(), by_vote(end_probability=0.2)
    likely: NDArray[np.float32] = np.where(GOOD, 0.9, 0.2).astype(np.float32)
    truth = Truth(np.tile(likely, (N_USERS, 1)))
    played = evaluate_policy(GreedyTruthPolicy(truth), world, rules, 30, 1, truth=truth)
    assert played.true_likes is not None
    lengths = played.counts.sum(axis=1)
    np.testing.assert_allclose(
        played.true_likes, 0.9 * np.minimum(lengths, 10) + 0.2 * np.clip(lengths - 10, 0, 10), rtol=1e-5
    )
