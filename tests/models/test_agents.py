from __future__ import annotations

import numpy as np
import pytest

from models.agent_settings import ALGORITHMS, AlgorithmName, DQNSettings, QRDQNSettings, ReinforcementSettings
from models.agents import train_agent
from models.policies import RandomPolicy
from models.reinforcement import evaluate
from models.sessions import EnvironmentSettings, SessionBatch
from tests.models.planted_worlds import planted_world
from tests.models.worlds import tiny_world

SHORT = EnvironmentSettings(end_probability=0.2)
FEW_UPDATES = {
    "dqn": DQNSettings(learning_starts=50, gradient_steps=2),
    "qrdqn": QRDQNSettings(learning_starts=50, gradient_steps=2),
}
TINY = ReinforcementSettings(steps=200, n_envs=8, hidden=8, threads=1, **FEW_UPDATES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_hundred_steps_change_the_policy_and_repeat_exactly(algorithm: AlgorithmName) -> None:
    world = tiny_world(0)
    sessions = SessionBatch(world, SHORT, range(20))
    first, again, other = (train_agent(world, SHORT, TINY, algorithm, seed).policy for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.scores(sessions), again.scores(sessions))
    assert np.abs(first.scores(sessions) - other.scores(sessions)).max() > 1e-4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_agents_learn_what_no_prior_tells_them(algorithm: AlgorithmName) -> None:
    world = planted_world()
    settings = ReinforcementSettings(steps=3000, n_envs=16, hidden=16, threads=1, **FEW_UPDATES)
    agent = train_agent(world, SHORT, settings, algorithm, seed=0)
    learned = evaluate(agent.policy, world, SHORT, episodes=100, seed=5).metrics()
    random = evaluate(RandomPolicy(0), world, SHORT, episodes=100, seed=5).metrics()
    assert random["liking_at_10"] == pytest.approx(0.5, abs=0.05)
    assert learned["liking_at_10"] > 0.8
    assert learned["average_reward"] > 1.25 * random["average_reward"]


def test_the_learning_curve_is_in_rewards_of_an_episode() -> None:
    curve = train_agent(planted_world(), SHORT, TINY, "ppo", seed=0).learning_curve
    steps, rewards = zip(*curve, strict=True)
    assert list(steps) == sorted(set(steps))
    assert 0 <= min(rewards) <= max(rewards) <= 5  # an episode has five steps on average


def test_training_ends_once_the_curve_is_flat() -> None:
    endless = ReinforcementSettings(steps=20_000, n_envs=16, hidden=16, threads=1, patience=4)
    curve = train_agent(planted_world(), SHORT, endless, "a2c", seed=0).learning_curve
    assert 7 <= len(curve) < 20
    smoothed = np.convolve([reward for _, reward in curve], np.ones(3) / 3, mode="valid")
    assert len(smoothed) - 1 - smoothed.argmax() == 4
