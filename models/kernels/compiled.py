"""How loops over arrays are compiled: kept on disk, without Python's lock, divisions as in NumPy.

Python's division by zero is an error that a loop would have to stop for, so with it a loop that divides is not turned
into vector instructions. Here a division by zero gives inf or NaN.

What is kept is compiled anew when its own file changes, or any file of this package that it imports from: loops of
other files become part of a loop. Numba sees to the former; the latter is told by the name that a loop is kept under.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Plain = tuple[Any, ...]
Function = TypeVar("Function")
_ANY_ORDER = {"reassoc", "contract"}
_WITHOUT_RUNTIME = {"_nrt": False}  # Numba's runtime allocates and counts references; an option of its internals
_IMPORTED = re.compile(rf"^from ({__package__}\.\w+) import", re.MULTILINE)


def loop(function: Function) -> Function:
    """Compile a loop."""
    return _compiled(function)


def vector_loop(function: Function) -> Function:
    """Compile a loop whose sums may be taken in any order, so that they vectorise; NaN and infinity stay so."""
    return _compiled(function, fastmath=_ANY_ORDER)


def inner_loop(function: Function) -> Function:
    """Compile a loop that others call. It makes no array.

    So references to the arrays that it is given need not be counted, which takes as long as going over a few numbers.
    """
    return _compiled(function, **_WITHOUT_RUNTIME)


def inner_vector_loop(function: Function) -> Function:
    """Compile a loop as `inner_loop` and `vector_loop` do."""
    return _compiled(function, fastmath=_ANY_ORDER, **_WITHOUT_RUNTIME)


def _compiled(function: Any, **options: Any) -> Any:  # noqa: ANN401 - a function has no type that has a name
    sources = "".join(_text(module) for module in sorted(_imports(function.__module__)))
    function.__qualname__ += f"-{blake2b(sources.encode(), digest_size=6).hexdigest()}"
    return njit(cache=True, nogil=True, error_model="numpy", **options)(function)


@cache
def _imports(module: str) -> frozenset[str]:
    """Modules of this package that one imports from, itself included, directly or not."""
    found = new = frozenset([module])
    while new:
        new = frozenset(name for known in new for name in _IMPORTED.findall(_text(known))) - found
        found |= new
    return found


@cache
def _text(module: str) -> str:
    return Path(cast("str", sys.modules[module].__file__)).read_text(encoding="utf-8")


def plain(named: Plain) -> Plain:
    """Named tuples, however deep, as plain ones: what a call of a loop takes in faster.

    The loop names the parts again, which costs nothing there.
    """
    return tuple(plain(part) if isinstance(part, tuple) else part for part in named)
