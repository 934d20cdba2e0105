"""The environment is made by its id from a run or a simulator, and agents see what the run's own agents see."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from models.environments.gym import RecommendEnv
from models.environments.gym_vector import RecommendVectorEnv
from models.simulation.settings import EnvironmentSettings
from storage.run_folder import RunFolder
from tasks.audience.audience import Audience, load
from tasks.audience.environments import make_vec_env
from tasks.audience.registration import ENVIRONMENT_ID, register
from tests.support.trained_runs import N_ITEMS, write_trained_run
from tests.support.worlds import tiny_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    register()
    return write_trained_run(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def users(folder: RunFolder) -> Audience:
    return load(folder.root)


def test_registering_again_changes_nothing() -> None:
    register()
    spec = gymnasium.registry[ENVIRONMENT_ID]
    register()
    assert gymnasium.registry[ENVIRONMENT_ID] is spec


def test_gymnasium_makes_it_of_a_run_an_audience_or_a_simulator(folder: RunFolder, users: Audience) -> None:
    settings = EnvironmentSettings(catalogue_size=7)
    for source in ({"run": str(folder.root)}, {"run": folder.root}, {"simulator": users}):
        environment = gymnasium.make(ENVIRONMENT_ID, **source, settings=settings)  # type: ignore[arg-type]
        assert isinstance(environment.unwrapped, RecommendEnv)
        assert environment.action_space == gymnasium.spaces.Discrete(7)
        observation, info = environment.reset(seed=1)
        assert observation in environment.observation_space
        assert 0 <= info["user"] < len(users.users)
    environment = gymnasium.make(ENVIRONMENT_ID, simulator=tiny_world(0))
    assert environment.reset(seed=1)[0] in environment.observation_space


def test_it_passes_gymnasiums_checker_without_a_warning(users: Audience) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(ENVIRONMENT_ID, simulator=users).unwrapped)


def test_gymnasium_makes_the_vector_form(users: Audience) -> None:
    vector = gymnasium.make_vec(ENVIRONMENT_ID, num_envs=3, simulator=users)
    assert isinstance(vector.unwrapped, RecommendVectorEnv)
    assert vector.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    observations, _ = vector.reset(seed=1)
    assert observations["user"].shape[0] == 3


def test_exactly_one_of_run_and_simulator_is_needed(folder: RunFolder, users: Audience) -> None:
    for source in ({}, {"run": folder.root, "simulator": users}):
        with pytest.raises(ValueError, match=r"run and simulator: found .* expected one of them"):
            gymnasium.make(ENVIRONMENT_ID, **source)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="simulator: found 'sample' of type str, expected an Audience"):
        gymnasium.make(ENVIRONMENT_ID, simulator="sample")


def test_the_vector_environment_shows_tastes_as_training_does(users: Audience) -> None:
    venv = make_vec_env(users, n_envs=3, seed=5)
    observations = venv.reset()
    assert isinstance(observations, dict)
    assert set(observations) == {"user", "taste", "seen"}
    assert observations["seen"].shape == (3, N_ITEMS)
    again = make_vec_env(users, n_envs=np.int64(3), seed=np.uint8(5)).reset()  # type: ignore[arg-type]
    assert isinstance(again, dict)
    np.testing.assert_array_equal(again["taste"], observations["taste"])
    candidates = make_vec_env(users, 2, settings=EnvironmentSettings(actions="candidates", candidates=5)).reset()
    assert isinstance(candidates, dict)
    assert set(candidates) == {"user", "taste", "candidates", "seen"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"users": "data/sample"}, TypeError, "users: found 'data/sample' of type str, expected an Audience"),
        ({"n_envs": 0}, ValueError, "n_envs: found 0, expected a whole number from 1"),
        ({"n_envs": 10**40}, ValueError, "n_envs: found 1000"),
        ({"n_envs": 2.0}, TypeError, r"n_envs: found 2\.0"),
        ({"seed": -1}, ValueError, "seed: found -1"),
        ({"settings": {"actions": "slate"}}, TypeError, "settings: found"),
        ({"settings": EnvironmentSettings(session_end="learned")}, ValueError, "session_end 'learned'"),
    ],
)
def test_what_is_wrong_with_an_argument_is_said(
    users: Audience, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_vec_env(**({"users": users, "n_envs": 2, "seed": 0} | arguments))  # type: ignore[arg-type]
