"""Pairs that somebody wants to know about: a table of user and item ids of the dataset, as row numbers of a run."""

from __future__ import annotations

import difflib
from pathlib import Path

import polars as pl

from storage.adapters.table.layout import scan_table
from storage.columns import Columns
from storage.errors import DataError

_COLUMNS = (Columns.USER, Columns.ITEM)
_ROW, _KNOWN = "row", "known"


def read_pairs(path: Path, users: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The pairs of a CSV, TSV, JSON lines or Parquet file with the columns `user_id` and `item_id`.

    Parameters
    ----------
    path
        The file; further columns are not looked at.
    users, items
        The run's tables: row number (`user_id`, `item_id`) and id in the dataset (`source_id`) of each.

    Returns
    -------
    Row numbers `user_id` and `item_id`, int64, in the order of the file; repeats stay.

    Raises
    ------
    DataError
        Where the file is missing, empty, lacks a column, or names a user or item that the run does not know.
    """
    if not path.is_file():
        raise DataError("there is no such file", file=path, remedy="Name a CSV or Parquet file of pairs")
    scan = scan_table(path, None)
    for name in _COLUMNS:
        if name not in scan.names:
            raise DataError(
                f"the column is missing; found {', '.join(scan.names) or 'none'}",
                file=path,
                field=name,
                remedy="Name the columns user_id and item_id; they hold the dataset's own ids",
            )
    parts = [batch.select(_ROW, *(_as_text(path, batch[name]) for name in _COLUMNS)) for batch in scan.batches()]
    if not sum(part.height for part in parts):
        raise DataError("no pair found", file=path, remedy="Give at least one user_id and item_id below the header")
    pairs = pl.concat(parts)
    for name, table in zip(_COLUMNS, (users, items), strict=True):
        pairs = _row_numbers(path, pairs, name, table)
    return pairs.select(_COLUMNS)


def _as_text(path: Path, ids: pl.Series) -> pl.Series:
    if not (ids.dtype == pl.String or ids.dtype.is_integer()):
        raise DataError(
            f"found type {ids.dtype}, expected text or whole numbers",
            file=path,
            field=ids.name,
            remedy="Write the ids as the dataset has them",
        )
    return ids.cast(pl.String)


def _row_numbers(path: Path, pairs: pl.DataFrame, name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The pairs with row numbers for the ids in a column."""
    ids = table.select(pl.col(Columns.SOURCE).alias(name), pl.col(name).alias(_KNOWN))
    numbered = pairs.join(ids, on=name, how="left", maintain_order="left")
    unknown = numbered.filter(pl.col(_KNOWN).is_null())
    if unknown.height:
        row, value = unknown.row(0, named=True)[_ROW], unknown[name][0]
        near = difflib.get_close_matches(value or "", ids[name].to_list(), n=3) or ids[name].head(3).to_list()
        more = f" (and {unknown.height - 1} more)" if unknown.height > 1 else ""
        raise DataError(
            f"found {'nothing' if value is None else repr(value)}, expected the id of one of {table.height} "
            f"{name.removesuffix('_id')}s of the run{more}",
            file=path,
            row=int(row),
            field=name,
            remedy=f"Choose ids that the run knows, such as {', '.join(near)}",
        )
    return numbered.drop(name).rename({_KNOWN: name})
