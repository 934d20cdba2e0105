from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_for_gymnasium
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines

from models.environments.gym import RecommendEnv
from tests.support.planted_worlds import by_vote
from tests.support.worlds import tiny_world


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_it_passes_gymnasiums_checker_without_a_warning() -> None:
    check_for_gymnasium(RecommendEnv(tiny_world(0)), skip_render_check=True)


def test_it_passes_stable_baselines_checker_without_a_warning() -> None:
    check_for_stable_baselines(RecommendEnv(tiny_world(0)))


def play(environment: RecommendEnv, seed: int, steps: int) -> list[object]:
    actions = np.random.default_rng(0).integers(environment.action_space.n, size=steps)  # type: ignore[attr-defined]
    observation, info = environment.reset(seed=seed)
    seen: list[object] = [observation["user"].tolist(), info["user"]]
    for action in actions:
        observation, reward, terminated, truncated, info = environment.step(action)
        seen += [observation["user"].tolist(), reward, terminated, info["probability"], info["user"]]
        if terminated or truncated:
            environment.reset()
    return seen


def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another() -> None:
    world = tiny_world(0)
    assert play(RecommendEnv(world), 3, 80) == play(RecommendEnv(world), 3, 80)
    assert play(RecommendEnv(world), 3, 80) != play(RecommendEnv(world), 4, 80)


def test_a_reset_without_a_seed_goes_on_with_the_stream() -> None:
    environment = RecommendEnv(tiny_world(0))
    environment.reset(seed=0)
    users = {environment.reset()[1]["user"] for _ in range(20)}
    assert len(users) > 3


def test_info_carries_votes_and_probability() -> None:
    environment = RecommendEnv(tiny_world(0), by_vote())
    environment.reset(seed=0)
    _, reward, _, _, info = environment.step(np.int64(5))
    votes, probability = info["votes"], info["probability"]
    assert isinstance(votes, np.ndarray)
    assert isinstance(probability, float)
    assert votes.shape == (3,)
    assert 0 <= probability <= 1
    assert info["item"] == 5
    assert info["like"] == (votes.sum() >= 2)
    assert reward == (0 if info["repeated"] else info["like"])


def test_a_session_can_be_begun_with_a_given_user() -> None:
    environment = RecommendEnv(tiny_world(0))
    assert environment.reset(seed=1, options={"user": 11})[1] == {"user": 11}
    assert environment.reset(options={"user": 12})[1] == {"user": 12}
    with pytest.raises(ValueError, match="row number below 20"):
        environment.reset(options={"user": 20})
