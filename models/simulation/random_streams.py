"""Independent random streams, one a session, so that what happens in one does not depend on the others beside it.

A batch of sessions draws one row of uniform numbers a session and step. Each session has a counter-based Philox
generator of its own (Salmon et al. 2011), read ahead in blocks, so that drawing for hundreds of sessions stays cheap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
        self._ahead = np.zeros((len(seeds), _ROWS_AHEAD, width))
        self._next = np.full(len(seeds), _ROWS_AHEAD)

    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The next numbers of the streams in `rows` (b,), each row at most once: float64 (b, width) in [0, 1)."""
        for row in rows[self._next[rows] == _ROWS_AHEAD]:
            self._ahead[row] = self._generators[row].random(self._ahead[row].shape)
            self._next[row] = 0
        numbers = self._ahead[rows, self._next[rows]]
        self._next[rows] += 1
        return numbers

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the streams in `rows` only, in that order."""
        self._generators = [self._generators[row] for row in rows]
        self._ahead, self._next = self._ahead[rows], self._next[rows]
