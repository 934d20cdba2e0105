"""Lazy scans of files of rows: a bounded number of rows in memory, each with the number of its line.

A file is read in blocks that can be parsed by themselves: while one is being used, the next two are parsed on threads
(Polars, PyArrow and NumPy release the interpreter lock).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import polars as pl
import pyarrow as pa

from storage.readers.encoding import unreadable

P = TypeVar("P")
R = TypeVar("R")
Parse = Callable[[], pl.DataFrame]
"""Parses one block into rows."""

ROW = "row"
READ_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError)
_THREADS = 2


def map_ahead(function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
    """`function` of each part, in order, computed on threads before it is asked for; at most two results wait.

    An error raised for a part is raised where its result would stand.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        for part in parts:
            waiting.append(threads.submit(function, part))
            if len(waiting) > _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True)
class Scan:
    """Rows of a file that will be read block by block.

    Parameters
    ----------
    path
        The file, for messages.
    names
        Columns of the file; beside them stands `row`, the 1-based line (in Parquet: row) of each record.
    blocks
        Starts reading the file from its beginning and yields a parser for each block.
    steps
        Functions applied to each block in turn; several blocks may go through them at the same time.
    """

    path: Path
    names: tuple[str, ...]
    blocks: Callable[[], Iterator[Parse]]
    steps: tuple[Callable[[pl.DataFrame], pl.DataFrame], ...] = ()

    def then(self, step: Callable[[pl.DataFrame], pl.DataFrame]) -> Self:
        """The same scan with one more step applied to each block."""
        return replace(self, steps=(*self.steps, step))

    def batches(self) -> Iterator[pl.DataFrame]:
        """All rows in order; the next blocks are read and parsed while one is being used.

        Raises
        ------
        DataError
            Where the file cannot be read; the message names the line where it can be determined.
        """
        return map_ahead(self._parsed, self._blocks_ahead())

    def schema(self) -> pl.Schema:
        """Names and types of the columns.

        Raises
        ------
        DataError
            As in `batches`.
        """
        return self.head(1).schema

    def head(self, rows: int) -> pl.DataFrame:
        """The first rows; for an empty file a frame without rows.

        Raises
        ------
        DataError
            As in `batches`.
        """
        frames: list[pl.DataFrame] = []
        blocks = self.blocks()
        while sum(frame.height for frame in frames) < rows and (parse := self._next(blocks)) is not None:
            frames.append(self._parsed(parse))
        empty = pl.DataFrame(schema={ROW: pl.Int64} | dict.fromkeys(self.names, pl.String))
        return pl.concat(frames).head(rows) if frames else empty

    def _blocks_ahead(self) -> Iterator[Parse]:
        """The blocks, each read while the one before is used."""
        blocks = self.blocks()
        with ThreadPoolExecutor(1, thread_name_prefix=f"read {self.path.name}") as thread:
            waiting = thread.submit(self._next, blocks)
            while (parse := waiting.result()) is not None:
                waiting = thread.submit(self._next, blocks)
                yield parse

    def _next(self, blocks: Iterator[Parse]) -> Parse | None:
        """The next block; None at the end."""
        try:
            return next(blocks, None)
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from error

    def _parsed(self, parse: Parse) -> pl.DataFrame:
        """The rows of a block after all steps."""
        try:
            frame = parse()
            for step in self.steps:
                frame = step(frame)
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from error
        return frame
