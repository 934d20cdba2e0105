"""Rows spread over files by their user: each file fits in memory and holds whole users (external partitioning)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa

_BYTES_PER_BUCKET = 64 << 20
_MOST_BUCKETS = 512  # each keeps a file open


class UserBuckets:
    """Append batches inside `with`; read bucket by bucket afterwards. Rows keep their order within a bucket.

    A batch is written by a thread, while the next is made.

    Parameters
    ----------
    folder
        Takes the files; the caller removes it.
    source_bytes
        Size of the text that the rows come from.
    """

    def __init__(self, folder: Path, source_bytes: int) -> None:
        self._count = min(max(math.ceil(source_bytes / _BYTES_PER_BUCKET), 1), _MOST_BUCKETS)
        self._folder = folder
        self._writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        for writer in self._writers.values():
            writer.close()
        if self._writing is not None and error is None:
            self._writing.result()

    def append(self, rows: pl.DataFrame) -> None:
        """Add rows with a column user_id; an error of writing is raised here or at the end of the block."""
        if self._writing is not None:
            self._writing.result()
        self._writing = self._thread.submit(self._write, rows)

    def _write(self, rows: pl.DataFrame) -> None:
        bucket = (rows["user_id"].hash() % self._count).cast(pl.UInt16).to_numpy()
        # Texts are copied once, into the order of the buckets; each bucket's rows are a piece of it.
        table = rows[np.argsort(bucket, kind="stable")].to_arrow()
        lengths = np.bincount(bucket, minlength=self._count)
        starts = np.cumsum(lengths) - lengths
        for number in np.flatnonzero(lengths).tolist():
            if number not in self._writers:
                self._writers[number] = pa.ipc.new_file(self._path(number), table.schema)
            self._writers[number].write_table(table.slice(int(starts[number]), int(lengths[number])))

    def numbers(self) -> list[int]:
        """Buckets that hold rows, in order."""
        return sorted(self._writers)

    def read(self, number: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of one bucket, in the order in which they came."""
        rows = pl.read_ipc(self._path(number), columns=None if columns is None else list(columns))
        return rows.rechunk()  # rows of one piece are chosen in a third of the time

    def _path(self, number: int) -> Path:
        return self._folder / f"bucket-{number:03d}.arrow"
