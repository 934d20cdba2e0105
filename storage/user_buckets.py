"""Rows spread over files by their user: each file fits in memory and holds whole users (external partitioning)."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def append(self, rows: pl.DataFrame) -> None:
        """Add rows with a column user_id."""
        bucket = (rows["user_id"].hash() % self._count).cast(pl.UInt16).to_numpy()
        # Texts are copied once, into the order of the buckets; each bucket's rows are a piece of it.
        table = rows[np.argsort(bucket, kind="stable")].to_arrow()
        lengths = np.bincount(bucket, minlength=self._count)
        for number in np.flatnonzero(lengths).tolist():
            if number not in self._writers:
                self._writers[number] = pa.ipc.new_file(self._path(number), table.schema)
            start = int(lengths[:number].sum())
            self._writers[number].write_table(table.slice(start, int(lengths[number])))

    def numbers(self) -> list[int]:
        """Buckets that hold rows, in order."""
        return sorted(self._writers)

    def read(self, number: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of one bucket, in the order in which they came."""
        return pl.read_ipc(self._path(number), columns=None if columns is None else list(columns))

    def _path(self, number: int) -> Path:
        return self._folder / f"bucket-{number:03d}.arrow"
