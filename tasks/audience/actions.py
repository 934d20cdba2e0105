"""Checks of what an environment is given: actions, seeds and users; each message says what was expected.

Actions come from whoever trains an agent, and end as indices in compiled loops, which look at no bounds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from tasks.audience.arguments import LARGEST_SEED, ArgumentError, shown, whole_number


def checked_actions(space: spaces.Space, actions: object, b: int) -> NDArray[np.number]:  # type: ignore[type-arg]
    """The actions of b sessions.

    Parameters
    ----------
    space
        Of one action: Discrete, MultiDiscrete or Box.
    actions
        One a row.
    b
        Number of sessions.

    Returns
    -------
    int64 array of shape (b,) or (b, k), or float32 array of shape (b, d) for points.

    Raises
    ------
    TypeError
        Where they are no numbers of the right kind.
    ArgumentError
        Where their shape is another, or one lies outside of the space; points may lie outside, but are finite.
    """
    given, shape = np.asarray(actions), (b, *(space.shape or ()))
    points = isinstance(space, spaces.Box)
    if given.dtype.kind not in ("fiu" if points else "iu"):
        raise TypeError(f"action: found {given.dtype} {shown(actions)}, expected one of {space}")
    if given.shape != shape:
        raise ArgumentError(
            f"action: found an array of shape {given.shape}, expected {shape}: one of {space} a session"
        )
    if points:
        with np.errstate(over="ignore"):
            given = given.astype(np.float32)
        inside = np.isfinite(given)
    else:
        sizes = space.nvec if isinstance(space, spaces.MultiDiscrete) else getattr(space, "n", 0)
        inside = (given >= 0) & (given < sizes)
    if not inside.all():
        raise ArgumentError(f"action: found {given[~inside][0]}, expected one of {space}")
    return given if points else given.astype(np.int64)


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
