"""Checks of what people pass in: each names the argument, what was found and what was expected."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.errors import RecaudienceError

T = TypeVar("T")
LARGEST_SEED = 2**62
_SHOWN = 80  # signs of a value in a message


class ArgumentError(RecaudienceError, ValueError):
    """An argument has the right type and a value that cannot be used."""


def shown(value: object) -> str:
    """A value as messages show it: on one line, not longer than a line."""
    value = value.item() if isinstance(value, np.integer | np.floating) else value
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**_SHOWN else "a huge number"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def whole_number(name: str, value: object, least: int, most: int) -> int:
    """A whole number from `least` to `most`, Python's or NumPy's.

    Raises
    ------
    TypeError, ArgumentError
        Where it is none, or lies outside.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: found {shown(value)}, expected a whole number from {least} to {most}")
    if not least <= value <= most:
        raise ArgumentError(f"{name}: found {shown(value)}, expected a whole number from {least} to {most}")
    return int(value)


def instance(name: str, value: object, kind: type[T], expected: str) -> T:
    """A value of a class.

    Raises
    ------
    TypeError
        Where it is none; the message says what was `expected`.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}: found {shown(value)} of type {type(value).__name__}, expected {expected}")
    return value


def sequence(name: str, values: object, expected: str) -> list[Any]:
    """The elements of a list, tuple, one-dimensional array or series.

    Raises
    ------
    TypeError, ArgumentError
        Where it is something else, such as one id as text, or an array of more dimensions.
    """
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise ArgumentError(f"{name}: found an array of shape {values.shape}, expected one dimension")
    if isinstance(values, str | bytes | Mapping | Set) or not _is_sized(values):
        raise TypeError(f"{name}: found {shown(values)}, expected {expected} in a list or an array")
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def folder_path(name: str, value: object) -> Path:
    """The path of a folder that exists, from text or a path.

    Raises
    ------
    TypeError, ArgumentError
        Where it is neither, or there is no such folder.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: found {shown(value)}, expected the path of a run folder, as in 'data/sample'")
    path = Path(value)
    try:
        there = path.is_dir()
    except (OSError, ValueError):  # too long, or with a NUL
        there = False
    if not there:
        raise ArgumentError(
            f"{name}: found no folder {shown(str(path))}; make a run with: recaudience reproduce sample, or name the "
            "folder of one (data/<dataset>)"
        )
    return path


@contextmanager
def argument_errors(name: str) -> Iterator[None]:
    """Turn errors about a run folder's content, which an argument named, into errors about that argument."""
    try:
        yield
    except ArgumentError:
        raise
    except (RecaudienceError, OSError) as error:
        raise ArgumentError(f"{name}: {error}") from error


class Ids:
    """A dataset's own ids of users or items, and their row numbers.

    Parameters
    ----------
    kind
        What they are ids of.
    own
        The ids by row number.
    """

    def __init__(self, kind: Literal["user", "item"], own: Sequence[str]) -> None:
        self.kind, self.own = kind, tuple(own)

    def __len__(self) -> int:
        return len(self.own)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {own: row for row, own in enumerate(self.own)}

    @cached_property
    def array(self) -> NDArray[np.object_]:
        """object array of shape (n,): the own ids, to be indexed by row numbers."""
        return np.array(self.own, dtype=object)

    def row(self, name: str, value: object) -> int:
        """Row number of an own id (text) or of a row number.

        Raises
        ------
        TypeError, ArgumentError
            Where it is neither, or there is none such.
        """
        if isinstance(value, str):
            row = self._rows.get(value)
            if row is None:
                near = get_close_matches(value[:_SHOWN], self.own, n=3) or self.own[:3]
                raise ArgumentError(
                    f"{name}: there is no {self.kind} {shown(value)} among {len(self)}; there are, for example, "
                    f"{', '.join(map(repr, near))}"
                )
            return row
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
            raise TypeError(
                f"{name}: found {shown(value)}, expected the id of a {self.kind} as text, or its row number"
            )
        if not 0 <= value < len(self):
            raise ArgumentError(
                f"{name}: found {shown(value)}, expected a row number from 0 to {len(self) - 1}, or an id as text"
            )
        return int(value)

    def rows(self, name: str, values: object) -> NDArray[np.int64]:
        """int64 array of shape (b,): row numbers of own ids or row numbers, mixed as they may be.

        Raises
        ------
        TypeError, ArgumentError
            As of `row`, with the place; and where it is no sequence.
        """
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu" and len(values):
            for place in (int(values.argmin()), int(values.argmax())):
                self.row(f"{name}[{place}]", values[place])
            return values.astype(np.int64)
        elements = sequence(name, values, f"ids or row numbers of {self.kind}s")
        return np.array([self.row(f"{name}[{i}]", value) for i, value in enumerate(elements)], dtype=np.int64)


def _is_sized(values: object) -> TypeGuard[Sequence[object]]:
    return hasattr(values, "__len__") and hasattr(values, "__iter__")
