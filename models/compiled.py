"""How loops over arrays are compiled: kept on disk, without Python's lock, divisions as in NumPy.

Python's division by zero is an error that a loop would have to stop for, so with it a loop that divides is not turned
into vector instructions. Here a division by zero gives inf or NaN.

What is kept is compiled anew when its own file changes. After a change to a loop that loops of other files call, delete
what is kept: `make clean`.
"""

from __future__ import annotations

from typing import Any

from numba import njit

Plain = tuple[Any, ...]

loop = njit(cache=True, nogil=True, error_model="numpy")
"""Compile a loop."""

vector_loop = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
"""Compile a loop whose sums may be taken in any order, so that they vectorise; NaN and infinity stay what they are."""


def plain(named: Plain) -> Plain:
    """Named tuples, however deep, as plain ones: what a call of a loop takes in faster.

    The loop names the parts again, which costs nothing there.
    """
    return tuple(plain(part) if isinstance(part, tuple) else part for part in named)
