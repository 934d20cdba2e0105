from __future__ import annotations

import numpy as np
import pytest

from models.environments.gym import RecommendEnv
from models.environments.sb3 import SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from tests.support.worlds import tiny_world

SETTINGS = EnvironmentSettings(end_probability=0.1, max_steps=20)


def test_a_row_goes_as_the_single_environment_with_its_seed() -> None:
    world = tiny_world(0)
    vector, single = SessionVecEnv(world, SETTINGS, 5, seed=30), RecommendEnv(world, SETTINGS)
    row, rng = 3, np.random.default_rng(0)
    observations, (observation, _) = vector.reset(), single.reset(seed=33)
    assert isinstance(observations, dict)
    ended = {"terminated": 0, "truncated": 0}
    for _ in range(150):
        np.testing.assert_allclose(observations["user"][row], observation["user"], atol=1e-5)
        np.testing.assert_array_equal(observations["seen"][row], observation["seen"])
        actions = rng.integers(world.n_items, size=5)
        observations, rewards, dones, infos = vector.step(actions)
        observation, reward, terminated, truncated, info = single.step(actions[row])
        assert isinstance(observations, dict)
        assert (rewards[row], dones[row]) == (reward, terminated or truncated)
        assert infos[row]["TimeLimit.truncated"] == truncated
        assert (infos[row]["user"], infos[row]["item"]) == (info["user"], info["item"])
        if dones[row]:
            ended["terminated" if terminated else "truncated"] += 1
            np.testing.assert_allclose(infos[row]["terminal_observation"]["user"], observation["user"], atol=1e-5)
            observation, _ = single.reset()
    assert min(ended.values()) > 0


def test_without_infos_sessions_go_the_same_and_the_last_observation_is_of_those_cut_off() -> None:
    cut_off = 0
    for reaction in ("vote", "draw", "sasrec"):
        settings = SETTINGS.model_copy(update={"reaction": reaction, "reward": "reaction"})
        described, plain = (
            SessionVecEnv(tiny_world(1), settings, 4, seed=3, with_infos=infos) for infos in (True, False)
        )
        described.reset()
        plain.reset()
        rng = np.random.default_rng(0)
        for _ in range(40):
            actions = rng.integers(15, size=4)
            expected, (found, rewards, dones, infos) = described.step(actions), plain.step(actions)
            for name, part in expected[0].items():  # type: ignore[union-attr]  # of this environment always a dict
                np.testing.assert_allclose(found[name], part, atol=1e-6)  # type: ignore[call-overload]
            np.testing.assert_array_equal(rewards, expected[1])
            np.testing.assert_array_equal(dones, expected[2])
            assert {name for info in infos for name in info} <= {"TimeLimit.truncated", "terminal_observation"}
            for info, with_votes in zip(infos, expected[3], strict=True):
                assert info["TimeLimit.truncated"] == with_votes["TimeLimit.truncated"]
                assert ("terminal_observation" in info) == with_votes["TimeLimit.truncated"]
                for name, part in info.get("terminal_observation", {}).items():
                    np.testing.assert_allclose(part, with_votes["terminal_observation"][name], atol=1e-6)
                    cut_off += 1
    assert cut_off > 0


def test_resetting_with_a_seed_starts_over() -> None:
    vector = SessionVecEnv(tiny_world(0), SETTINGS, 3, seed=0)
    users = []
    for _ in range(2):
        vector.seed(5)
        vector.reset()
        users.append([info["user"] for info in vector.reset_infos])
        vector.step(np.array([1, 2, 3]))
    assert users[0] == users[1]


def test_a_later_step_does_not_change_what_was_returned() -> None:
    vector = SessionVecEnv(tiny_world(0), SETTINGS, 3, seed=0)
    observations = vector.reset()
    assert isinstance(observations, dict)
    before = {name: part.copy() for name, part in observations.items()}
    _, rewards, _, _ = vector.step(np.array([1, 2, 3]))
    earned = rewards.copy()
    for _ in range(30):
        vector.step(np.array([4, 5, 6]))
    np.testing.assert_array_equal(observations["user"], before["user"])
    np.testing.assert_array_equal(observations["seen"], before["seen"])
    np.testing.assert_array_equal(rewards, earned)


def test_what_a_batch_cannot_do_is_refused() -> None:
    vector = SessionVecEnv(tiny_world(0), SETTINGS, 2, seed=0)
    assert vector.get_attr("render_mode") == [None, None]
    assert vector.env_is_wrapped(type(None)) == [False, False]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot set"):
        vector.set_attr("gamma", 1)
    with pytest.raises(ValueError, match="cannot call"):
        vector.env_method("render")
