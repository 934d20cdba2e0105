"""An action that is none of the action space is refused by every face, with what was expected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium import spaces

from models.environments.actions import checked_actions
from models.environments.gym import RecommendEnv
from models.environments.gym_vector import RecommendVectorEnv
from models.environments.sb3 import SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from tests.support.worlds import N_ITEMS, tiny_world

ITEMS, SLATE, POINT = spaces.Discrete(5), spaces.MultiDiscrete([5, 5]), spaces.Box(-1, 1, (2,), dtype=np.float32)


@pytest.mark.parametrize(
    ("space", "actions"),
    [
        (ITEMS, [0, 4]),
        (ITEMS, np.array([1, 2], dtype=np.uint8)),
        (SLATE, [[0, 1], [4, 4]]),
        (POINT, [[0.5, -3.0], [1, 0]]),
    ],
)
def test_actions_of_the_space_are_kept(space: spaces.Space, actions: object) -> None:  # type: ignore[type-arg]
    checked = checked_actions(space, actions, 2)
    np.testing.assert_array_equal(checked, np.asarray(actions))
    assert checked.dtype == (np.float32 if space is POINT else np.int64)


@pytest.mark.parametrize(
    ("space", "actions", "message"),
    [
        (ITEMS, [0, 5], r"actions: found 5, expected one of Discrete\(5\)"),
        (ITEMS, [-1, 0], "actions: found -1"),
        (ITEMS, np.array([2**63, 0], dtype=np.uint64), "actions: found 9223372036854775808"),
        (ITEMS, [0], r"found an array of shape \(1,\), expected \(2,\)"),
        (ITEMS, [[0], [1]], r"shape \(2, 1\)"),
        (ITEMS, [0.0, 1.0], "actions: found float64"),
        (ITEMS, [True, False], "actions: found bool"),
        (ITEMS, None, "actions: found object None"),
        (ITEMS, ["a", "b"], "expected whole numbers, one of Discrete"),
        (ITEMS, [[0], [1, 2]], "actions: found object"),
        (SLATE, [[0, 1], [0, 5]], "actions: found 5"),
        (POINT, [[0.0, math.nan], [0.0, 0.0]], "actions: found nan"),
        (POINT, [[0.0, 1e300], [0.0, 0.0]], "actions: found inf"),
    ],
)
def test_other_actions_are_refused(
    space: spaces.Space,  # type: ignore[type-arg]
    actions: object,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        checked_actions(space, actions, 2)


@pytest.mark.parametrize("action", [-1, -5, N_ITEMS, 1.0, "3", None])
def test_no_face_takes_an_action_that_it_has_not_nor_counts_a_step(action: object) -> None:
    world, settings = tiny_world(0), EnvironmentSettings()
    single, vector = RecommendEnv(world), RecommendVectorEnv(2, simulator=world)
    of_sb3 = SessionVecEnv(world, settings, 2, seed=0)
    before, info = single.reset(seed=0)
    vector.reset(seed=0)
    of_sb3.reset()
    with pytest.raises(ValueError, match=r"action: found .*one of Discrete"):
        single.step(action)  # type: ignore[arg-type]
    for step in (vector.step, of_sb3.step):
        with pytest.raises(ValueError, match=r"actions: found .*one of Discrete"):
            step(np.array([0, action]))
    again, _ = single.reset(options={"user": info["user"]})
    np.testing.assert_array_equal(before["user"], again["user"])
