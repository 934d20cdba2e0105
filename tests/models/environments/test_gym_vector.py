from __future__ import annotations

import numpy as np
import pytest

from models.environments.gym_vector import RecommendVectorEnv
from models.environments.sb3 import SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from tests.support.worlds import tiny_world

SETTINGS = EnvironmentSettings(end_probability=0.1, max_steps=20)
N = 4


def test_the_same_seed_gives_the_trajectories_of_the_other_environments() -> None:
    world = tiny_world(0)
    vector, of_sb3 = RecommendVectorEnv(N, simulator=world, settings=SETTINGS), SessionVecEnv(world, SETTINGS, N, 30)
    rng, ended = np.random.default_rng(0), 0
    observations, infos = vector.reset(seed=30)
    expected = of_sb3.reset()
    for _ in range(80):
        assert isinstance(expected, dict)
        np.testing.assert_allclose(observations["user"], expected["user"], atol=1e-5)
        np.testing.assert_array_equal(observations["seen"], expected["seen"])
        actions = rng.integers(world.n_items, size=N)
        observations, rewards, terminated, truncated, infos = vector.step(actions)
        expected, expected_rewards, dones, details = of_sb3.step(actions)
        np.testing.assert_array_equal(rewards, expected_rewards)
        np.testing.assert_array_equal(terminated | truncated, dones)
        assert infos["item"].tolist() == [detail["item"] for detail in details]  # type: ignore[union-attr]  # an array
        for row in np.flatnonzero(dones):
            last = details[row]["terminal_observation"]["user"]
            np.testing.assert_allclose(infos["final_obs"]["user"][row], last, atol=1e-5)  # type: ignore[index]
            ended += 1
    assert ended > 0


def test_observations_and_actions_lie_in_their_spaces() -> None:
    vector = RecommendVectorEnv(N, simulator=tiny_world(1), settings=SETTINGS)
    observations, _ = vector.reset(seed=0)
    assert observations in vector.observation_space
    for _ in range(30):
        observations, rewards, terminated, truncated, infos = vector.step(vector.action_space.sample())
        assert observations in vector.observation_space
        assert (rewards.shape, terminated.dtype, truncated.dtype) == ((N,), np.dtype(bool), np.dtype(bool))
        assert infos["votes"].shape == (N, 3)  # type: ignore[union-attr]  # an array


def test_a_seed_starts_over_and_none_goes_on() -> None:
    vector = RecommendVectorEnv(N, simulator=tiny_world(0), settings=SETTINGS)
    first, again = (vector.reset(seed=5)[1]["user"].tolist() for _ in range(2))  # type: ignore[union-attr]
    later = [vector.reset()[1]["user"].tolist() for _ in range(5)]  # type: ignore[union-attr]
    assert first == again
    assert any(users != first for users in later)
    assert vector.reset(seed=[5, 6, 7, 8])[1]["user"].tolist() == first  # type: ignore[union-attr]


def test_users_may_be_chosen_and_must_exist() -> None:
    vector = RecommendVectorEnv(2, simulator=tiny_world(0), settings=SETTINGS)
    assert vector.reset(options={"users": [3, 7]})[1]["user"].tolist() == [3, 7]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="expected 2 row numbers below 20"):
        vector.reset(options={"users": [3, 99]})
    with pytest.raises(ValueError, match="one for each of the 2 sessions"):
        vector.reset(seed=[1])
