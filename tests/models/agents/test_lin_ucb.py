from __future__ import annotations

import numpy as np

from models.agents.item_scorer import ItemPrior
from models.agents.lin_ucb import LinUCBPolicy, train_lin_ucb
from models.agents.policies import RandomPolicy
from models.agents.settings import AgentSettings
from models.policy_evaluation.values import evaluate_policy
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.user_vectors import TasteAxes, Tastes
from tests.support.planted_worlds import planted_world
from tests.support.worlds import tiny_world

SHORT = EnvironmentSettings(end_probability=0.2)


def bandit(alpha: float) -> tuple[LinUCBPolicy, Sessions]:
    world = tiny_world(0)
    sessions, tastes = Sessions(world, SHORT, range(30)), Tastes(world.knowledge, TasteAxes.of(world.knowledge, 3))
    user_size = sessions.observations()["user"].shape[1]
    return LinUCBPolicy(ItemPrior.of(sessions, tastes), tastes, alpha, user_size), sessions


def test_its_weights_are_those_of_ridge_regression() -> None:
    policy, sessions = bandit(0.5)
    rng, rows, targets = np.random.default_rng(0), [], []
    for _ in range(4):
        users, actions = policy.states(sessions), rng.integers(15, size=30)
        rewards = sessions.step(actions).rewards
        policy.learn(users, actions, rewards)
        rows.append(policy._features(users, actions).astype(np.float64))
        targets.append(rewards)
    x, y = np.concatenate(rows), np.concatenate(targets)
    a = x.T @ x + np.eye(x.shape[1])
    np.testing.assert_allclose(policy.weights, np.linalg.solve(a, x.T @ y), atol=1e-6)
    users = policy.states(sessions)
    first = policy._features(users, np.zeros(30, dtype=np.int64)).astype(np.float64)
    spread = np.sqrt((first * np.linalg.solve(a, first.T).T).sum(axis=1))
    np.testing.assert_allclose(policy.bounds(users)[:, 0], first @ policy.weights + 0.5 * spread, rtol=1e-3)


def test_what_was_tried_less_is_bound_higher() -> None:
    policy, sessions = bandit(1.0)
    users = policy.states(sessions)
    before = policy.bounds(users)
    for _ in range(20):
        policy.learn(users, np.zeros(30, dtype=np.int64), np.zeros(30, dtype=np.float32))
    fallen = (before - policy.bounds(users)).mean(axis=0)
    assert fallen.argmax() == 0


def test_it_learns_what_is_liked_and_repeats_exactly() -> None:
    world = planted_world()
    settings = AgentSettings(steps=3000, n_envs=16, lin_ucb_alpha=0.2, taste_rank=4)
    first, again = (train_lin_ucb(world, SHORT, settings, seed=0) for _ in range(2))
    np.testing.assert_array_equal(first.weights, again.weights)
    learned = evaluate_policy(first, world, SHORT, episodes=100, seed=5).metrics()
    random = evaluate_policy(RandomPolicy(0), world, SHORT, episodes=100, seed=5).metrics()
    assert learned["average_reward"] > 1.25 * random["average_reward"]
