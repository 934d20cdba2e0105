"""Scans of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from storage.readers.encoding import unreadable
from storage.readers.scans import READ_ERRORS, ROW, Parse, Scan

_BATCH_ROWS = 250_000


def scan_parquet(path: Path) -> Scan:
    """The columns of a Parquet file that a text file could hold, as they are typed.

    Raises
    ------
    DataError
        Where it is no Parquet file.
    """
    try:
        schema = pl.read_parquet_schema(path)
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    cells = {name: cell for name, dtype in schema.items() if name != ROW and (cell := _cell(name, dtype)) is not None}

    def parsed(batch: pa.RecordBatch, row: int) -> pl.DataFrame:
        frame = pl.DataFrame(pa.Table.from_batches([batch])).select(**cells)
        return frame.with_columns(pl.int_range(row, row + frame.height, dtype=pl.Int64, eager=True).alias(ROW))

    def blocks() -> Iterator[Parse]:
        row = 1
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(cells)):
                yield partial(parsed, batch, row)
                row += batch.num_rows

    return Scan(path, tuple(cells), blocks)


def _cell(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """A Parquet column as text, a number, a time or a list of texts; None for anything else."""
    column = pl.col(name)
    if isinstance(dtype, pl.Array):
        dtype, column = pl.List(dtype.inner), column.arr.to_list()
    if isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String)) if _is_plain(dtype.inner) else None
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Binary):
        return column.cast(pl.String, strict=False)  # of bytes that are no UTF-8, nothing
    if isinstance(dtype, pl.Decimal):
        return column.cast(pl.Float64)
    return column if _is_plain(dtype) else None


def _is_plain(dtype: object) -> bool:
    if isinstance(dtype, pl.String | pl.Boolean | pl.Date | pl.Datetime | pl.Categorical | pl.Enum | pl.Null):
        return True
    return isinstance(dtype, pl.DataType) and dtype.is_numeric()
