from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.agents.export import PolicyNetwork, example_inputs
from models.agents.policies import LearnedPolicy
from models.agents.settings import ALGORITHMS, AgentSettings, AlgorithmName
from models.agents.training import train_agent
from models.interactions import NO_ITEM, Histories
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from tests.support.network_inputs import network_inputs
from tests.support.worlds import tiny_world

WORLD, SHORT = tiny_world(0), EnvironmentSettings(end_probability=0.1)
TINY = AgentSettings(steps=200, n_envs=8, hidden=8, threads=1, taste_rank=3)


def trained(algorithm: AlgorithmName) -> LearnedPolicy:
    policy = train_agent(WORLD, SHORT, TINY, algorithm, seed=0).policy
    assert isinstance(policy, LearnedPolicy)
    return policy


def expected(policy: LearnedPolicy, sessions: Sessions) -> np.ndarray:
    return np.where(sessions.seen, -np.inf, policy.scores(sessions))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_network_answers_as_the_policy_all_through_sessions(algorithm: AlgorithmName) -> None:
    policy = trained(algorithm)
    network, sessions = PolicyNetwork(policy, WORLD, SHORT).eval(), Sessions(WORLD, SHORT, range(30))
    for _ in range(4):
        with torch.inference_mode():
            scores = network(*network_inputs(network, sessions)).numpy()
        np.testing.assert_allclose(scores, expected(policy, sessions), rtol=1e-4, atol=1e-5)
        sessions.step(policy.actions(sessions))


def test_the_exported_file_answers_as_the_policy_for_any_number_of_users(tmp_path: Path) -> None:
    policy = trained("ppo")
    network = PolicyNetwork(policy, WORLD, SHORT).eval()
    shapes = tuple({0: torch.export.Dim("users", min=1)} for _ in range(5))
    torch.export.save(torch.export.export(network, example_inputs(network), dynamic_shapes=shapes), tmp_path / "p.pt2")
    loaded = torch.export.load(tmp_path / "p.pt2").module()
    for users in (1, 17):
        sessions = Sessions(WORLD, SHORT, range(users))
        sessions.step(policy.actions(sessions))
        scores = loaded(*network_inputs(network, sessions)).detach().numpy()
        np.testing.assert_allclose(scores, expected(policy, sessions), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(scores.argmax(axis=1), policy.actions(sessions))


def test_users_without_history_are_answered() -> None:
    policy = trained("a2c")
    network = PolicyNetwork(policy, WORLD, SHORT).eval()
    items, likes, ratings, session, seen = example_inputs(network)
    scores = network(torch.full_like(items, NO_ITEM), torch.zeros_like(likes), ratings, session, seen)
    assert torch.isfinite(scores).all()


def test_sasrec_attends_to_the_latest_of_longer_histories() -> None:
    world = tiny_world(0)
    world.max_history = 16
    network = PolicyNetwork(trained("a2c"), world, SHORT).eval()
    items, likes, ratings, session, seen = example_inputs(network)
    rng = np.random.default_rng(0)
    items[:] = torch.from_numpy(rng.integers(world.n_items, size=tuple(items.shape)))
    likes[:] = torch.from_numpy(rng.random(tuple(items.shape)) < 0.5)
    histories = Histories(items.numpy(), likes.numpy(), ratings.numpy())
    assert network.attended == 12 < network.width
    tokens, surprises = items + 1, world.sasrec.statistics.surprises(histories)
    expected = world.sasrec.states(histories)
    late = slice(network.width - 12, network.width)
    with torch.no_grad():
        states = world.sasrec(tokens[:, late], likes[:, late], torch.from_numpy(surprises[:, late].copy()))[:, -1]
        assert torch.isfinite(network(items, likes, ratings, session, seen)).all()
    np.testing.assert_allclose(states.numpy(), expected, atol=1e-4)
