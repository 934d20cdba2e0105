from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.agents.policies import Policy, RandomPolicy, SASRecPolicy
from models.metrics.intervals import Estimate
from models.policy_evaluation.breadth import Breadth
from models.policy_evaluation.values import Evaluation, all_pairs, evaluate_policy, over_seeds, paired_difference
from models.simulation.session import Sessions
from tests.support.planted_worlds import N_ITEMS, N_RATED, by_vote, planted_world
from tests.support.worlds import tiny_world

SETTINGS = by_vote(end_probability=0.2)


class InOrder(Policy):
    """The lowest item first, or the highest."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        return np.broadcast_to(
            np.float32(self.sign) * np.arange(sessions.n_actions, dtype=np.float32), sessions.seen.shape
        )


def breadth(n: int = 4) -> Breadth:
    return Breadth(np.arange(n, dtype=np.float64), np.eye(n, dtype=np.float32))


def evaluation(returns: list[float], liking: list[float], counts: list[list[int]]) -> Evaluation:
    users = np.arange(len(returns))
    return Evaluation(users, np.array(returns), np.array(liking), np.array(counts, dtype=np.int32), breadth())


def example() -> Evaluation:
    return evaluation([2.0, 5.0], [0.4, 0.8], [[1, 1, 0, 0], [0, 1, 2, 0]])


def test_metrics_by_hand() -> None:
    assert example().metrics() == pytest.approx(
        {
            "average_reward": 3.5,
            "total_reward": 7.0,
            "liking_at_10": 0.6,
            "coverage": 0.75,
            "gini": 0.35,  # counts 0, 1, 2, 2: (-3 * 0 - 1 * 1 + 1 * 2 + 3 * 2) / (4 * 5)
            "novelty": (1 / 2 + 5 / 3) / 2,
            "diversity": 1.0,  # all vectors at right angles
            "repetition": (0 + 1 / 3) / 2,
        }
    )
    only_the_second_twice = example().catalogue_metrics(np.array([0, 2]))
    assert only_the_second_twice == pytest.approx({"coverage": 0.5, "gini": 2 / 3 - 1 / 12})


def test_an_episode_earns_what_its_items_earn() -> None:
    good_first = evaluate_policy(InOrder(-1), planted_world(), SETTINGS, episodes=40, seed=3)
    bad_first = evaluate_policy(InOrder(1), planted_world(), SETTINGS, episodes=40, seed=3)
    lengths = good_first.counts.sum(axis=1)
    np.testing.assert_array_equal(good_first.returns, np.minimum(lengths, 10))  # ten are liked, they come first
    np.testing.assert_array_equal(bad_first.returns, np.maximum(lengths - 10, 0))
    assert good_first.liking.tolist() == [1] * 40
    assert bad_first.liking.tolist() == [0] * 40
    longest = int(lengths.max())
    assert good_first.metrics()["coverage"] == longest / N_ITEMS
    assert np.flatnonzero(good_first.counts.any(axis=0)).tolist() == list(range(N_RATED, N_RATED + longest))


def test_equal_policies_are_evaluated_alike() -> None:
    world = tiny_world(0)
    first, again = (evaluate_policy(SASRecPolicy(), world, SETTINGS, episodes=150, seed=2) for _ in range(2))
    np.testing.assert_array_equal(first.returns, again.returns)
    np.testing.assert_array_equal(first.liking, again.liking)
    np.testing.assert_array_equal(first.counts, again.counts)


def test_policies_meet_the_same_users_for_the_same_time() -> None:
    world = tiny_world(0)
    ample = by_vote(end_probability=0.5, known_items="allow")  # too short to run out of items
    first, second = (evaluate_policy(policy, world, ample, 150, seed=2) for policy in (RandomPolicy(0), SASRecPolicy()))
    np.testing.assert_array_equal(first.users, second.users)
    np.testing.assert_array_equal(first.counts.sum(axis=1), second.counts.sum(axis=1))
    another = evaluate_policy(SASRecPolicy(), world, ample, 150, seed=3)
    assert (another.users != second.users).any()


def test_more_episodes_begin_with_the_same_ones() -> None:
    world = tiny_world(0)
    few, many = (evaluate_policy(SASRecPolicy(), world, SETTINGS, episodes, seed=2) for episodes in (20, 60))
    np.testing.assert_array_equal(few.users, many.users[:20])
    np.testing.assert_array_equal(few.returns, many.returns[:20])


def test_several_seeds_give_an_interval_over_seeds_and_episodes() -> None:
    better = evaluation([4.0, 7.0], [0.4, 0.8], [[1, 1, 0, 0], [0, 1, 2, 0]])
    estimates = over_seeds([example(), better], seed=0)
    assert estimates["average_reward"].mean == 4.5
    assert estimates["total_reward"].mean == 9
    low, high = estimates["average_reward"].ci95
    # Variances of the mean 1 (seeds) and 2.25 (episodes), one degree each: 3.25^2 / (1 + 2.25^2) = 1.742 degrees.
    assert high - low == pytest.approx(2 * 4.974 * 3.25**0.5, rel=1e-3)
    assert estimates["coverage"].mean == 0.75


def test_one_evaluation_gives_an_interval_over_episodes() -> None:
    returns = np.random.default_rng(0).normal(10, 2, size=400)
    counts = np.ones((400, 4), dtype=np.int32)
    found = Evaluation(np.zeros(400, dtype=np.int64), returns, returns / 100, counts, breadth())
    low, high = over_seeds([found], seed=0)["average_reward"].ci95
    assert high - low == pytest.approx(2 * 1.966 * returns.std() / 20, rel=0.01)


def test_the_interval_of_a_share_ends_at_one() -> None:
    some = evaluation([4.0], [0.1], [[1, 1, 0, 0]])
    every = evaluation([4.0], [0.9], [[1, 1, 1, 1]])
    estimates = over_seeds([some, every], seed=0)
    assert estimates["liking_at_10"] == Estimate(mean=0.5, ci95=(0, 1))
    assert estimates["coverage"] == Estimate(mean=0.75, ci95=(0, 1))


def test_differences_are_taken_episode_by_episode() -> None:
    base = [1.0, 50.0, 9.0]
    seeds = [evaluation([value + gain for value in base], [1.0] * 3, [[1, 0, 0, 0]] * 3) for gain in (1, 1)]
    other = evaluation(base, [1.0] * 3, [[1, 0, 0, 0]] * 3)
    assert paired_difference(seeds, [other]) == Estimate(mean=1, ci95=(1, 1))
    assert paired_difference([other], seeds) == Estimate(mean=-1, ci95=(-1, -1))
    assert all_pairs({"a": seeds, "b": [other], "c": seeds})[("a", "c")] == Estimate(mean=0, ci95=(0, 0))
