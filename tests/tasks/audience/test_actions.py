"""What an environment is given is refused with what was expected, before any loop sees it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium import spaces

from tasks.audience.actions import checked_actions, checked_seed, checked_users

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
    ("space", "actions", "error", "message"),
    [
        (ITEMS, [0, 5], ValueError, r"action: found 5, expected one of Discrete\(5\)"),
        (ITEMS, [-1, 0], ValueError, "action: found -1"),
        (ITEMS, np.array([2**63, 0], dtype=np.uint64), ValueError, "action: found 9223372036854775808"),
        (ITEMS, [0], ValueError, r"found an array of shape \(1,\), expected \(2,\)"),
        (ITEMS, [[0], [1]], ValueError, r"shape \(2, 1\)"),
        (ITEMS, [0.0, 1.0], TypeError, "action: found float64"),
        (ITEMS, [True, False], TypeError, "action: found bool"),
        (ITEMS, None, TypeError, "action: found object None"),
        (ITEMS, ["a", "b"], TypeError, "expected one of Discrete"),
        (SLATE, [[0, 1], [0, 5]], ValueError, "action: found 5"),
        (POINT, [[0.0, math.nan], [0.0, 0.0]], ValueError, "action: found nan"),
        (POINT, [[0.0, 1e300], [0.0, 0.0]], ValueError, "action: found inf"),
    ],
)
def test_other_actions_are_refused(
    space: spaces.Space,  # type: ignore[type-arg]
    actions: object,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        checked_actions(space, actions, 2)


def test_seeds_are_whole_numbers_or_none() -> None:
    assert [checked_seed(seed) for seed in (None, 0, np.int64(7))] == [None, 0, 7]
    for seed in (-1, 2**70):
        with pytest.raises(ValueError, match="expected a whole number from 0"):
            checked_seed(seed)
    for seed in (1.0, True, "1"):
        with pytest.raises(TypeError, match="seed: found"):
            checked_seed(seed)


def test_users_are_row_numbers_that_there_are() -> None:
    assert checked_users(None, "user", 1, 4) is checked_users({"other": 1}, "user", 1, 4) is None
    for options, name, b in (({"user": np.int64(3)}, "user", 1), ({"users": [3, 0]}, "users", 2)):
        users = checked_users(options, name, b, 4)
        assert users is not None
        assert users.tolist() == list(np.atleast_1d(options[name]))
    for user in (4, -1, 1.0, None, [1, 2]):
        with pytest.raises(ValueError, match=r"option user: found .*, expected a row number below 4"):
            checked_users({"user": user}, "user", 1, 4)
    with pytest.raises(TypeError, match="options: found 3, expected a mapping"):
        checked_users(3, "user", 1, 4)
