"""How loops over arrays are compiled: kept on disk, without Python's lock, divisions as in NumPy.

A loop kept on disk is compiled again when its own file changes. So that this suffices, a loop calls loops of its own
file only; tests/models/kernels/test_compiled.py holds them to it.

Python's division by zero is an error that a loop would have to stop for, so with it a loop that divides is not turned
into vector instructions. Here a division by zero gives inf or NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def loop(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a loop."""
    compiled = njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("Callable[Parameters, Result]", compiled)


def vector_loop(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a loop whose sums may be taken in any order, so that they vectorise; NaN and infinity stay so."""
    compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})(function)
    return cast("Callable[Parameters, Result]", compiled)
