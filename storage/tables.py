"""Reading and writing of the run folder's tables under their contracts (storage/contracts.py).

Values are checked when a table is written, names and types also when it is read, so that a file of another kind, or one
cut short, is an error that names it instead of a surprise three steps later.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl
from pandera.errors import SchemaError
from polars.io.plugins import register_io_source

from storage.contracts import Contract, polars_schema
from storage.errors import DataError
from storage.files import publish

_ROW_GROUP = 1 << 19
_COMPRESSION = 1  # of 22: higher levels take longer and save little


def write_table(path: Path, frame: pl.DataFrame, schema: Contract) -> None:
    """Check a table against its contract and publish it atomically as Parquet.

    Parameters
    ----------
    path
        The artefact's final path.
    frame
        The table, with the contract's columns in any order.
    schema
        One of this module's contracts.

    Raises
    ------
    DataError
        Where the table breaks its contract or the disk is full; what stood at `path` stays.
    """
    write_tables({path: (frame, schema)})


def write_tables(tables: Mapping[Path, tuple[pl.DataFrame, Contract]]) -> None:
    """Publish several tables together: all are checked and on disk before the first takes its final name.

    Raises
    ------
    DataError
        As `write_table`; on an error none of the files changes.
    """
    with publishing_tables() as publication:
        for path, (frame, schema) in tables.items():
            publication.append(path, frame, schema)


@contextmanager
def publishing_tables() -> Iterator[TablePublication]:
    """Tables written one after the other that take their final names together when the block ends without an error.

    Raises
    ------
    DataError
        Where a table breaks its contract or the disk is full; none of the files changes.
    """
    tables: list[Path] = []
    try:
        with ExitStack() as published:
            yield TablePublication(tables, published)
    except (OSError, pl.exceptions.ComputeError) as error:
        if not tables or not _is_full_disk(error):
            raise
        raise DataError(
            "no space left on the disk; nothing was changed",
            file=tables[0].parent,
            remedy="Free some space, or choose another data folder with --data, and run again",
        ) from error


class TablePublication:
    """See `publishing_tables`."""

    def __init__(self, tables: list[Path], published: ExitStack) -> None:
        self._tables, self._published = tables, published

    def append(self, path: Path, table: pl.DataFrame, schema: Contract) -> None:
        """Check a whole table against its contract and write it.

        Parameters
        ----------
        path
            The table's final path.
        table
            Rows with the contract's columns in any order.
        schema
            One of this module's contracts.

        Raises
        ------
        DataError
            Where the table breaks its contract.
        """
        self.stream(path, [table], schema)

    def stream(self, path: Path, parts: Iterable[pl.DataFrame], schema: Contract) -> None:
        """Check and write a table part by part; Polars encodes its row groups on all cores while the next is made.

        What a contract says of a whole table, such as that a key is unique, holds for each part; the caller sees to
        it that parts do not share keys. Errors of making a part pass through; the rest is as in `append`.
        """
        self._tables.append(path)
        checked = (_checked(path, part, schema) for part in parts)
        source = register_io_source(lambda *_: checked, schema=polars_schema(schema), is_pure=True)
        source.sink_parquet(
            self._published.enter_context(publish(path)),
            compression="zstd",
            compression_level=_COMPRESSION,
            statistics=False,  # row numbers and texts stand in no order that would let a reader skip
            row_group_size=_ROW_GROUP,
        )


def read_table(
    path: Path, schema: Contract, columns: Sequence[str] | None = None, rows: pl.Expr | None = None
) -> pl.DataFrame:
    """Read a table of the run folder.

    Parameters
    ----------
    path
        The artefact's path.
    schema
        The contract that it was written under.
    columns, rows
        What of it is needed: names, and a predicate. Nothing else is held in memory.

    Raises
    ------
    DataError
        Where the file is missing, cut short, not Parquet, or has other columns or types than the contract.
    """
    with scanned_table(path, schema) as scan:
        chosen = scan if rows is None else scan.filter(rows)
        return chosen.select(list(schema.columns if columns is None else columns)).collect()


@contextmanager
def scanned_table(path: Path, schema: Contract) -> Iterator[pl.LazyFrame]:
    """A table of the run folder that is read as far as the block asks; parameters and errors as in `read_table`."""
    remedy = "Delete it and run the pipeline again: the step that makes it will run"
    try:
        scan = pl.scan_parquet(path)
        _check_columns(path, scan.collect_schema(), schema, remedy)
        yield scan
    except FileNotFoundError as error:
        raise DataError(
            f"there is no {schema.name} table here",
            file=path,
            remedy="Run the pipeline to make it: recaudience reproduce",
        ) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"not a readable Parquet file ({error})", file=path, remedy=remedy) from error


def _checked(path: Path, frame: pl.DataFrame, schema: Contract) -> pl.DataFrame:
    remedy = "This is a fault in the step that writes it, not in your files: please report it"
    _check_columns(path, frame.schema, schema, remedy)
    try:
        return schema.validate(frame.select(list(schema.columns)))
    except SchemaError as error:
        name = getattr(error.schema, "name", None)
        raise DataError(
            f"the {schema.name} table breaks its contract: {' '.join(str(error).split())}",
            file=path,
            field=name if name in schema.columns else None,
            remedy=remedy,
        ) from error


def _check_columns(path: Path, actual: pl.Schema, schema: Contract, remedy: str) -> None:
    for name, dtype in polars_schema(schema).items():
        if name not in actual:
            raise DataError(f"the column is missing from the {schema.name} table", file=path, field=name, remedy=remedy)
        if actual[name] != dtype:
            raise DataError(f"found type {actual[name]}, expected {dtype}", file=path, field=name, remedy=remedy)
    if foreign := [name for name in actual if name not in schema.columns]:
        raise DataError(f"unknown column in the {schema.name} table", file=path, field=foreign[0], remedy=remedy)


def _is_full_disk(error: BaseException) -> bool:
    """Polars passes the system's message on, without its number."""
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)
