from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.policies import Policy, RandomPolicy, SASRecPolicy
from models.reinforcement import Evaluation, evaluate, over_seeds, paired_difference, t_interval
from models.sessions import EnvironmentSettings, SessionBatch
from tests.models.planted_worlds import N_ITEMS, N_RATED, planted_world
from tests.models.worlds import tiny_world

SETTINGS = EnvironmentSettings(end_probability=0.2)


class InOrder(Policy):
    """The lowest item first, or the highest."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        return np.broadcast_to(
            np.float32(self.sign) * np.arange(sessions.n_actions, dtype=np.float32), sessions.seen.shape
        )


def example() -> Evaluation:
    recommended = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=bool)
    return Evaluation(np.array([3, 4]), np.array([2.0, 5.0]), np.array([0.4, 0.8]), recommended)


def test_metrics_by_hand() -> None:
    assert example().metrics() == pytest.approx(
        {"average_reward": 3.5, "total_reward": 7.0, "liking_at_10": 0.6, "coverage": 0.75}
    )
    only_the_second_twice = example().metrics(np.array([0, 2]))
    assert only_the_second_twice == pytest.approx(
        {"average_reward": 5.0, "total_reward": 10.0, "liking_at_10": 0.8, "coverage": 0.5}
    )


def test_an_episode_earns_what_its_items_earn() -> None:
    good_first = evaluate(InOrder(-1), planted_world(), SETTINGS, episodes=40, seed=3)
    bad_first = evaluate(InOrder(1), planted_world(), SETTINGS, episodes=40, seed=3)
    lengths = good_first.recommended.sum(axis=1)
    np.testing.assert_array_equal(good_first.returns, np.minimum(lengths, 10))  # ten are liked, they come first
    np.testing.assert_array_equal(bad_first.returns, np.maximum(lengths - 10, 0))
    assert good_first.liking.tolist() == [1] * 40
    assert bad_first.liking.tolist() == [0] * 40
    longest = int(lengths.max())
    assert good_first.metrics()["coverage"] == longest / N_ITEMS
    assert np.flatnonzero(good_first.recommended.any(axis=0)).tolist() == list(range(N_RATED, N_RATED + longest))


def test_equal_policies_are_evaluated_alike() -> None:
    world = tiny_world(0)
    first, again = (evaluate(SASRecPolicy(), world, SETTINGS, episodes=150, seed=2) for _ in range(2))
    np.testing.assert_array_equal(first.returns, again.returns)
    np.testing.assert_array_equal(first.liking, again.liking)
    np.testing.assert_array_equal(first.recommended, again.recommended)


def test_policies_meet_the_same_users_for_the_same_time() -> None:
    world = tiny_world(0)
    ample = EnvironmentSettings(end_probability=0.5, known_items="allow")  # too short to run out of items
    first, second = (evaluate(policy, world, ample, 150, seed=2) for policy in (RandomPolicy(0), SASRecPolicy()))
    np.testing.assert_array_equal(first.users, second.users)
    np.testing.assert_array_equal(first.recommended.sum(axis=1), second.recommended.sum(axis=1))
    another = evaluate(SASRecPolicy(), world, ample, 150, seed=3)
    assert (another.users != second.users).any()


def test_more_episodes_begin_with_the_same_ones() -> None:
    world = tiny_world(0)
    few, many = (evaluate(SASRecPolicy(), world, SETTINGS, episodes, seed=2) for episodes in (20, 60))
    np.testing.assert_array_equal(few.users, many.users[:20])
    np.testing.assert_array_equal(few.returns, many.returns[:20])


def test_the_t_interval_by_hand() -> None:
    estimate = t_interval(np.array([1.0, 2.0, 3.0]))  # 4.303 / sqrt(3) with two degrees of freedom
    assert estimate["mean"] == 2
    assert estimate["ci95"] == pytest.approx([2 - 2.4841, 2 + 2.4841], abs=1e-3)


def test_several_seeds_give_an_interval_over_seeds() -> None:
    better = Evaluation(np.array([3, 4]), np.array([4.0, 7.0]), np.array([0.4, 0.8]), example().recommended)
    estimates = over_seeds([example(), better], seed=0)
    assert estimates["average_reward"]["mean"] == 4.5
    assert estimates["total_reward"]["mean"] == 9
    low, high = estimates["average_reward"]["ci95"]
    assert high - low == pytest.approx(2 * 12.7062, rel=1e-4)  # one degree of freedom, standard error 1
    assert estimates["coverage"]["ci95"] == [0.75, 0.75]


def test_one_evaluation_gives_an_interval_over_episodes() -> None:
    returns = np.random.default_rng(0).normal(10, 2, size=400)
    evaluation = Evaluation(np.zeros(400, dtype=np.int64), returns, returns / 100, np.ones((400, 3), dtype=bool))
    low, high = over_seeds([evaluation], seed=0)["average_reward"]["ci95"]
    assert high - low == pytest.approx(2 * 1.96 * returns.std() / 20, rel=0.15)


def test_the_interval_of_a_share_ends_at_one() -> None:
    users, returns = np.array([3]), np.array([4.0])
    some = Evaluation(users, returns, np.array([0.1]), np.array([[True, True, False]]))
    every = Evaluation(users, returns, np.array([0.9]), np.array([[True, True, True]]))
    estimates = over_seeds([some, every], seed=0)
    assert estimates["liking_at_10"] == {"mean": 0.5, "ci95": [0, 1]}
    assert estimates["coverage"]["ci95"] == [0, 1]


def test_differences_are_taken_episode_by_episode() -> None:
    users, recommended = np.zeros(3, dtype=np.int64), np.ones((3, 2), dtype=bool)
    base = Evaluation(users, np.array([1.0, 50.0, 9.0]), np.ones(3), recommended)
    seeds = [Evaluation(users, base.returns + gain, np.ones(3), recommended) for gain in (1, 3)]
    assert paired_difference(seeds, base) == {"mean": 2, "ci95": [2, 2]}
