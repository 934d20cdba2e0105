from __future__ import annotations

import numpy as np
import pytest

from models.agents.greedy import GreedyEnsemblePolicy, GreedyPolicy
from models.agents.policies import NearestPolicy, Policy, RandomPolicy
from models.agents.settings import (
    ALGORITHMS,
    OF_POINTS,
    OF_SLATES,
    AgentSettings,
    AlgorithmName,
    DQNSettings,
    QRDQNSettings,
)
from models.agents.training import train_agent
from models.policy_evaluation.values import evaluate_policy
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from tests.support.planted_worlds import GOOD, by_vote, planted_world, with_probabilities
from tests.support.worlds import tiny_world

SHORT = by_vote(end_probability=0.2)
FEW_UPDATES = {
    "dqn": DQNSettings(learning_starts=50, gradient_steps=2),
    "qrdqn": QRDQNSettings(learning_starts=50, gradient_steps=2),
}
TINY = AgentSettings(steps=200, n_envs=8, hidden=8, threads=1, **FEW_UPDATES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_hundred_steps_change_the_policy_and_repeat_exactly(algorithm: AlgorithmName) -> None:
    world = tiny_world(0)
    sessions = Sessions(world, SHORT, range(20))
    first, again, other = (train_agent(world, SHORT, TINY, algorithm, seed).policy for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.scores(sessions), again.scores(sessions))
    assert np.abs(first.scores(sessions) - other.scores(sessions)).max() > 1e-4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_agents_learn_what_no_prior_tells_them(algorithm: AlgorithmName) -> None:
    world = planted_world()
    settings = AgentSettings(steps=3000, n_envs=16, hidden=16, threads=1, **FEW_UPDATES)
    agent = train_agent(world, SHORT, settings, algorithm, seed=0)
    learned = evaluate_policy(agent.policy, world, SHORT, episodes=100, seed=5).metrics()
    random = evaluate_policy(RandomPolicy(0), world, SHORT, episodes=100, seed=5).metrics()
    assert random["liking_at_10"] == pytest.approx(0.5, abs=0.05)
    assert learned["liking_at_10"] > 0.8
    assert learned["average_reward"] > 1.25 * random["average_reward"]


def test_the_learning_curve_is_in_rewards_of_an_episode() -> None:
    curve = train_agent(planted_world(), SHORT, TINY, "ppo", seed=0).learning_curve
    steps, rewards = zip(*curve, strict=True)
    assert list(steps) == sorted(set(steps))
    assert 0 <= min(rewards) <= max(rewards) <= 5  # an episode has five steps on average


def test_training_ends_once_the_curve_is_flat() -> None:
    endless = AgentSettings(steps=20_000, n_envs=16, hidden=16, threads=1, patience=4)
    curve = train_agent(planted_world(), SHORT, endless, "a2c", seed=0).learning_curve
    assert 7 <= len(curve) < 20
    smoothed = np.convolve([reward for _, reward in curve], np.ones(3) / 3, mode="valid")
    assert len(smoothed) - 1 - smoothed.argmax() == 4


ACTIONS: list[tuple[str, AlgorithmName]] = [
    *[("candidates", algorithm) for algorithm in ALGORITHMS],
    *[("embedding", algorithm) for algorithm in OF_POINTS],
    *[("slate", algorithm) for algorithm in OF_SLATES],
]


def short(actions: str) -> EnvironmentSettings:
    return by_vote(actions=actions, end_probability=0.2, candidates=8, slate_size=3, embedding_size=6)


@pytest.mark.parametrize(("actions", "algorithm"), ACTIONS)
def test_agents_of_every_action_space_change_and_repeat_exactly(actions: str, algorithm: AlgorithmName) -> None:
    world, rules = tiny_world(0), short(actions)
    sessions = Sessions(world, rules, range(20))
    first, again, other = (train_agent(world, rules, TINY, algorithm, seed).policy for seed in (0, 0, 1))
    finite = np.isfinite(first.scores(sessions))
    np.testing.assert_array_equal(first.scores(sessions), again.scores(sessions))
    assert np.abs(first.scores(sessions)[finite] - other.scores(sessions)[finite]).max() > 1e-4
    np.testing.assert_array_equal(first.actions(sessions), again.actions(sessions))


@pytest.mark.parametrize(("actions", "algorithm"), [("candidates", "a2c"), ("candidates", "dqn"), ("embedding", "a2c")])
def test_agents_learn_to_choose_candidates_and_to_point(actions: str, algorithm: AlgorithmName) -> None:
    world, rules = planted_world(), short(actions)
    settings = AgentSettings(steps=3000, n_envs=16, hidden=16, threads=1, **FEW_UPDATES)
    policy = train_agent(world, rules, settings, algorithm, seed=0).policy
    learned, random, greedy = (
        evaluate_policy(one, world, rules, episodes=100, seed=5).metrics()["average_reward"]
        for one in (policy, RandomPolicy(0), GreedyPolicy())
    )
    assert learned > 1.1 * random
    assert learned > 0.9 * greedy


def average_reward(policy: Policy, world: UserSimulator, rules: EnvironmentSettings) -> float:
    return evaluate_policy(policy, world, rules, episodes=200, seed=5).metrics()["average_reward"]


@pytest.mark.parametrize("algorithm", OF_SLATES)
def test_slates_that_were_learned_beat_random_ones_and_come_near_the_upper_line(algorithm: AlgorithmName) -> None:
    world, rules = with_probabilities(planted_world(), GOOD), short("slate")
    settings = AgentSettings(steps=3000, n_envs=16, hidden=16, threads=1)
    policy = train_agent(world, rules, settings, algorithm, seed=0).policy
    learned, random, greedy = (average_reward(one, world, rules) for one in (policy, RandomPolicy(0), GreedyPolicy()))
    assert learned > 1.02 * random  # most candidates are good ones
    assert learned > 0.98 * greedy


@pytest.mark.parametrize("algorithm", OF_SLATES)
def test_slates_are_learned_even_where_what_is_nearest_is_what_nobody_takes(algorithm: AlgorithmName) -> None:
    world = with_probabilities(planted_world(), ~GOOD)
    rules = short("slate").model_copy(update={"candidates": 20, "reaction": "draw", "reward": "probability"})
    settings = AgentSettings(steps=3000, n_envs=16, hidden=16, threads=1)
    policy = train_agent(world, rules, settings, algorithm, seed=0).policy
    learned, random, nearest, best = (
        average_reward(one, world, rules) for one in (policy, RandomPolicy(0), NearestPolicy(), GreedyEnsemblePolicy())
    )
    assert nearest < 0.1 * random
    assert learned > 1.1 * random
    assert learned > 0.9 * best


def test_a_policy_is_refused_by_sessions_with_other_actions() -> None:
    policy = train_agent(tiny_world(0), short("candidates"), TINY, "a2c", 0).policy
    for actions in ("catalogue", "slate"):
        with pytest.raises(ValueError, match="use the environment settings that it was trained with"):
            policy.actions(Sessions(tiny_world(0), short(actions), [0]))
