"""Terms of a reward beside the reaction, and who visits."""

from __future__ import annotations

import numpy as np
import pytest

from models.environments.gym import RecommendEnv
from models.simulation.breadth_terms import StepBreadth
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings, visitors
from tests.support.worlds import N_ITEMS, N_USERS, tiny_world


def test_novelty_rises_from_what_everybody_knows_to_what_nobody_does() -> None:
    world = tiny_world(0)
    counts = np.bincount(world.interactions.items, minlength=N_ITEMS)
    novelties = StepBreadth(world, np.arange(N_ITEMS), N_ITEMS).novelties(np.arange(N_ITEMS))
    expected = -np.log2((counts + 1) / (N_USERS + 1)) / np.log2(N_USERS + 1)
    assert novelties == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(np.argsort(novelties, kind="stable"), np.argsort(-counts, kind="stable"))


def test_diversity_is_the_mean_distance_to_what_came_before() -> None:
    world = tiny_world(0)
    vectors, breadth = world.knowledge.pro_vectors, StepBreadth(world, np.arange(N_ITEMS), 1)
    row = np.array([0])
    found = [float(breadth.diversities(row, np.array([action]))[0]) for action in (3, 5, 0, 5)]  # item 0 has no pros
    between = float(vectors[3] @ vectors[5])
    assert found == pytest.approx([0, min(1, 1 - between), 0, min(1, max(0, 1 - (between + 1) / 2))], abs=1e-6)
    breadth.begin(np.array([0]))
    assert breadth.diversities(row, np.array([5]))[0] == 0


def test_terms_are_added_to_the_reward_and_told_apart() -> None:
    world = tiny_world(1)
    plain = EnvironmentSettings(reward="probability", end_probability=0.1)
    rich = plain.model_copy(update={"novelty_weight": 0.5, "diversity_weight": 2.0})
    without, with_terms = RecommendEnv(world, plain), RecommendEnv(world, rich)
    for environment in (without, with_terms):
        environment.reset(seed=3)
    earned = 0
    for action in range(6):
        _, before, *_, info = without.step(np.int64(action))
        observation, after, *_, told = with_terms.step(np.int64(action))
        assert observation in with_terms.observation_space
        assert (info["novelty"], info["diversity"]) == (0, 0)
        if told["repeated"]:
            assert after == 0
            continue
        novelty, diversity = told["novelty"], told["diversity"]
        assert isinstance(novelty, float)
        assert isinstance(diversity, float)
        assert after == pytest.approx(before + 0.5 * novelty + 2.0 * diversity, abs=1e-5)
        earned += novelty > 0 and diversity > 0
    assert earned > 0


def test_held_out_users_visit_nobody_elses_sessions() -> None:
    world = tiny_world(0)
    train, held_out = (
        visitors(world, EnvironmentSettings(users=users, held_out_share=0.3)) for users in ("train", "held_out")
    )
    assert len(held_out) == round(0.3 * N_USERS)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(N_USERS))
    sessions = Sessions(world, EnvironmentSettings(users="held_out", held_out_share=0.3), range(200))
    assert set(sessions.users.tolist()) == set(held_out.tolist())
    other = visitors(world, EnvironmentSettings(users="held_out", held_out_share=0.3, held_out_seed=1))
    assert other.tolist() != held_out.tolist()
