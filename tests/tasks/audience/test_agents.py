"""Agents of Stable-Baselines3 with the house's network: made in a line, they learn, are judged and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sb3_contrib import QRDQN, TRPO, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env as make_other
from stable_baselines3.common.vec_env import VecMonitor

from models.agents.settings import AgentSettings, AlgorithmName
from models.agents.training import new_agent
from models.environments.sb3 import AgentVecEnv, SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from models.simulation.user_vectors import TasteAxes, Tastes
from tasks.audience.agents import sb3_arguments
from tasks.audience.audience import Audience, load
from tasks.audience.environments import make_vec_env
from tasks.audience.values import evaluate_policy
from tests.support.planted_worlds import GOOD, planted_world, with_probabilities
from tests.support.trained_runs import write_trained_run

CLASSES: dict[AlgorithmName, type[BaseAlgorithm]] = {
    "a2c": A2C,
    "dqn": DQN,
    "ppo": PPO,
    "trpo": TRPO,
    "qrdqn": QRDQN,
    "maskable_ppo": MaskablePPO,
}


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Audience:
    return load(write_trained_run(tmp_path_factory.mktemp("data") / "tiny").root)


@pytest.mark.parametrize("algorithm", CLASSES)
def test_an_agent_of_every_class_trains_and_is_evaluated(users: Audience, algorithm: AlgorithmName) -> None:
    venv = make_vec_env(users, n_envs=4, seed=0)
    agent = CLASSES[algorithm](env=venv, seed=0, **sb3_arguments(algorithm, venv)).learn(256)
    assert evaluate_policy(agent, users, episodes=20)["average_reward"].mean > 0


def test_it_begins_as_the_houses_own_agent_and_is_the_same_after_saving(users: Audience, tmp_path: Path) -> None:
    venv = make_vec_env(users, n_envs=4, seed=0)
    agent = PPO(env=VecMonitor(venv), seed=3, **sb3_arguments("ppo", VecMonitor(venv)))
    own = new_agent(venv, agent.policy_kwargs["prior"], AgentSettings(), "ppo", 3)
    observations = venv.reset()
    assert isinstance(observations, dict)
    agent.save(tmp_path / "agent.zip")
    for other in (own, PPO.load(tmp_path / "agent.zip")):
        np.testing.assert_array_equal(
            agent.predict(observations, deterministic=True)[0], other.predict(observations, deterministic=True)[0]
        )


def test_what_a_few_updates_leave_is_well_above_chance() -> None:
    world = with_probabilities(planted_world(), GOOD)
    rules = EnvironmentSettings(end_probability=0.2, reward="probability")
    venv = AgentVecEnv(world, rules, 16, 0, Tastes(world.knowledge, TasteAxes.of(world.knowledge, 4)))
    agent = PPO(env=venv, seed=0, **sb3_arguments("ppo", venv))
    observations = venv.reset()
    before = agent.policy.predict_values(agent.policy.obs_to_tensor(observations)[0])  # type: ignore[operator]
    agent.learn(2000)
    after = agent.policy.predict_values(agent.policy.obs_to_tensor(observations)[0])  # type: ignore[operator]
    assert (after > before).all()  # the critic learned that sessions earn something
    assert _probability(agent, venv) > 0.5 + 0.2  # half of what is new is liked


def _probability(agent: BaseAlgorithm, venv: SessionVecEnv) -> float:
    """Mean P(like), by the simulator, of the first recommendations."""
    venv.seed(99)
    actions, _ = agent.predict(venv.reset(), deterministic=True)  # type: ignore[arg-type]  # a dict of arrays
    sessions = venv.sessions
    coins = np.zeros((len(sessions), 3))
    responses = sessions.simulator.respond(sessions.users, sessions.catalogue[actions], sessions.histories, coins)
    return float(responses.probability.mean())


def test_what_cannot_be_trained_is_refused(users: Audience) -> None:
    venv = make_vec_env(users, n_envs=2)
    with pytest.raises(ValueError, match="algorithm: found 'sac', expected one that learns actions 'catalogue': a2c"):
        sb3_arguments("sac", venv)
    slates = make_vec_env(users, 2, settings=EnvironmentSettings(actions="slate", candidates=5, slate_size=2))
    with pytest.raises(ValueError, match="algorithm: found 'dqn', expected one that learns actions 'slate'"):
        sb3_arguments("dqn", slates)
    assert sb3_arguments("ppo", slates)["policy_kwargs"]["prior"] is not None
    for other in (make_other("CartPole-v1"), "venv"):
        with pytest.raises(TypeError, match=r"venv: found .*, expected what recaudience\.make_vec_env gives"):
            sb3_arguments("ppo", other)  # type: ignore[arg-type]
