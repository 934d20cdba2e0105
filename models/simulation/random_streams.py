"""Independent random streams, one a row, so that what happens in one session does not depend on the others beside it.

A batch of sessions draws one row of uniform numbers a session and step. Each session has a counter-based Philox
generator of its own (Salmon et al. 2011), read ahead in blocks, so that drawing for hundreds of sessions stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.kernels.compiled import loop

_ROWS_AHEAD = 128


class RandomStreams:
    """Uniform numbers for n sessions, `width` of them a draw.

    Parameters
    ----------
    seeds
        One whole number >= 0 a session; equal seeds give equal streams.
    width
        Numbers that one draw takes from a stream.
    """

    def __init__(self, seeds: Sequence[int], width: int) -> None:
        self._generators = [np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))) for seed in seeds]
        self._ahead = np.zeros((_ROWS_AHEAD, len(seeds), width))  # what sessions in step draw lies together
        self._next = np.full(len(seeds), _ROWS_AHEAD)
        self.read_ahead()

    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The next numbers of the streams in `rows` (b,), each row at most once: float64 (b, width) in [0, 1).

        In memory they lie column by column, as `DrawnNumbers` hands them out.
        """
        drawn, any_at_end = taken(*self.ahead, rows)
        if any_at_end:
            self.read_ahead()
        return drawn

    @property
    def ahead(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What `taken` takes numbers from; whoever calls it calls `read_ahead` where one is at its end."""
        return self._ahead, self._next

    def read_ahead(self) -> None:
        """Read the next numbers of streams whose numbers are used up."""
        for row in np.flatnonzero(self._next == _ROWS_AHEAD):
            self._ahead[:, row] = self._generators[row].random(self._ahead[:, row].shape)
            self._next[row] = 0

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the streams in `rows` only, in that order."""
        self._generators = [self._generators[row] for row in rows]
        self._ahead, self._next = np.ascontiguousarray(self._ahead[:, rows]), self._next[rows]


@loop
def taken(
    ahead: NDArray[np.float64], following: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], bool]:
    """The numbers (b, width) that follow in `rows` of the blocks (ahead, n, width), and whether one is at its end.

    The next ones follow afterwards.
    """
    taken, any_at_end = np.empty((ahead.shape[2], len(rows))).T, False
    for place, row in enumerate(rows):
        for k in range(ahead.shape[2]):
            taken[place, k] = ahead[following[row], row, k]
        following[row] += 1
        any_at_end |= following[row] == len(ahead)
    return taken, any_at_end


class DrawnNumbers(np.random.Generator):
    """A generator whose `random(b)` hands out the columns of numbers drawn before, in order.

    It lets code that throws one coin a row from a shared generator take each row's coin from that row's own stream.
    """

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))  # never asked
        self._columns: Iterator[NDArray[np.float64]] = iter(())

    def of(self, numbers: NDArray[np.float64]) -> Self:
        """Hand out the columns of these numbers, float64 (b, width), from now on; returns itself."""
        self._columns = iter(np.ascontiguousarray(numbers.T))
        return self

    def random(  # type: ignore[override]  # only this one of NumPy's overloads is used
        self, size: int
    ) -> NDArray[np.float64]:
        """The next column, float64 (b,).

        Raises
        ------
        ValueError
            Where no column is left or `size` is not b.
        """
        column = next(self._columns, None)
        if column is None or len(column) != size:
            raise ValueError(f"asked for {size} numbers a column; there is {'none' if column is None else len(column)}")
        return column
