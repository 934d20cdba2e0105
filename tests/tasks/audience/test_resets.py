"""What an environment's reset is given is refused with what was expected."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.audience.resets import checked_seed, checked_users


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
