"""Checks of what an environment's reset is given, seeds and users; each message says what was expected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tasks.audience.arguments import LARGEST_SEED, ArgumentError, shown, whole_number


def checked_seed(seed: object) -> int | None:
    """A seed from 0, or None.

    Raises
    ------
    TypeError, ArgumentError
        Where it is something else.
    """
    return None if seed is None else whole_number("seed", seed, 0, LARGEST_SEED)


def checked_users(options: object, name: str, b: int, n_users: int) -> NDArray[np.int64] | None:
    """The users whom sessions begin with, as the options of a reset name them.

    Parameters
    ----------
    options
        A mapping that may have `name`, or None.
    name
        "user", one row number, or "users", b of them.
    b
        Number of sessions.
    n_users
        Users there are.

    Returns
    -------
    int64 array of shape (b,); None where the options name nobody.

    Raises
    ------
    TypeError, ArgumentError
        Where they are no row numbers.
    """
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise TypeError(f"options: found {shown(options)}, expected a mapping such as {{{name!r}: 3}}")
    if name not in options:
        return None
    given = np.asarray(options[name])
    users = given.reshape(1) if name == "user" and given.ndim == 0 else given
    expected = f"{'a row number' if name == 'user' else f'{b} row numbers'} below {n_users}"
    if users.dtype.kind not in "iu" or users.shape != (b,):
        raise ArgumentError(f"option {name}: found {shown(options[name])}, expected {expected}")
    if users.min() < 0 or users.max() >= n_users:
        raise ArgumentError(f"option {name}: found {shown(options[name])}, expected {expected}")
    return users.astype(np.int64)
