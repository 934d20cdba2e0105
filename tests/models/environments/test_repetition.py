"""Whoever recommends mostly what users have seen is told so once, and nobody else."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from models.environments.gym import RecommendEnv
from models.environments.gym_vector import RecommendVectorEnv
from models.environments.repetition import WINDOW, RepetitionWarning
from models.environments.sb3 import SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from tests.support.planted_worlds import planted_world

RULES = {
    mode: EnvironmentSettings(seen_items=mode, end_probability=0.2)  # type: ignore[arg-type]
    for mode in ("mask", "penalise")
}


@pytest.mark.parametrize(
    ("mode", "message"),
    [("mask", r"an open item stood in for each \(info\['item'\]"), ("penalise", "which earns nothing")],
)
def test_an_agent_that_repeats_itself_is_told_once(mode: str, message: str) -> None:
    environment = RecommendEnv(planted_world(), RULES[mode])
    environment.reset(seed=0)
    with pytest.warns(RepetitionWarning, match=rf"the agent repeats itself: \d+ of {WINDOW} .*{message}") as told:
        for _ in range(3 * WINDOW):
            _, _, ended, cut_off, info = environment.step(np.int64(0))  # known to everybody
            assert info["invalid"] or info["repeated"]  # where nothing is open, repeating cannot be helped
            if ended or cut_off:
                environment.reset()
    assert len(told) == 1


def test_the_vector_forms_tell_it_too() -> None:
    world, zeros = planted_world(), np.zeros(8, dtype=np.int64)
    vector, of_sb3 = RecommendVectorEnv(8, simulator=world), SessionVecEnv(world, RULES["penalise"], 8, seed=0)
    vector.reset(seed=0)
    of_sb3.reset()
    for environment in (vector, of_sb3):
        with pytest.warns(RepetitionWarning):
            for _ in range(WINDOW // 8):
                environment.step(zeros)


@pytest.mark.parametrize("mode", ["mask", "penalise"])
def test_whoever_does_not_repeat_or_cannot_help_it_is_not_told(mode: str) -> None:
    environment = RecommendEnv(planted_world(), RULES[mode])
    observation, _ = environment.reset(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2 * WINDOW):
            action = np.int64(observation["seen"].argmin())
            observation, _, ended, cut_off, info = environment.step(action)
            assert not info["invalid"]
            if ended or cut_off:
                observation, _ = environment.reset()
