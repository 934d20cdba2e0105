"""A check of the actions that an environment is given, for all its faces.

Actions come from whoever trains an agent, and end as indices: a negative one would count from the end of the catalogue,
and compiled loops look at no bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

_SHOWN = 80  # signs of a value in a message


def checked_actions(space: spaces.Space, actions: object, b: int, name: str = "actions") -> NDArray[np.number]:  # type: ignore[type-arg]
    """The actions of b sessions.

    Parameters
    ----------
    space
        Of one action: Discrete, MultiDiscrete or Box.
    actions
        One a row.
    b
        Number of sessions.
    name
        Of the argument, for messages.

    Returns
    -------
    int64 array of shape (b,) or (b, k), or float32 array of shape (b, d) for points.

    Raises
    ------
    ValueError
        Where they are no numbers of the right kind, their shape is another, or one lies outside of the space; points
        may lie outside, but are finite.
    """
    given, shape, points = _as_array(actions), (b, *(space.shape or ())), isinstance(space, spaces.Box)
    if given.dtype.kind not in ("fiu" if points else "iu"):
        expected = "numbers" if points else "whole numbers"
        raise ValueError(f"{name}: found {given.dtype} {_shown(actions)}, expected {expected}, one of {space} each")
    if given.shape != shape:
        raise ValueError(
            f"{name}: found an array of shape {given.shape}, expected {shape}: one of {space} for each session"
        )
    if points:
        with np.errstate(over="ignore"):
            given = given.astype(np.float32)
        inside = np.isfinite(given)
    else:
        sizes = space.nvec if isinstance(space, spaces.MultiDiscrete) else getattr(space, "n", 0)
        inside = (given >= 0) & (given < sizes)
    if not inside.all():
        raise ValueError(f"{name}: found {given[~inside][0]}, expected one of {space}")
    return given if points else given.astype(np.int64)


def _as_array(actions: object) -> NDArray[Any]:  # of whatever was given
    try:
        return np.asarray(actions)
    except ValueError:  # rows of different lengths
        return np.asarray(None)


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
