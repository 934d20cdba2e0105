"""Comma- and otherwise separated files, read as text columns with their record numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from storage.adapters.json_lines import scan_text_lines
from storage.adapters.sources import unreadable
from storage.errors import DataError


def scan_csv(path: Path, columns: Sequence[str] = (), *, separator: str = ",") -> pl.LazyFrame:
    """All columns of a file with a header, as text, and row: the 1-based number of the record, the header's being 1.

    Parameters
    ----------
    path
        A plain UTF-8 file.
    columns
        Columns that must be there.
    separator
        One character.

    Raises
    ------
    DataError
        Where it has no header or a column is missing.
    """
    try:
        # Without quotes of its own, Polars' quick look at the header cannot fail on the records below it.
        scan = pl.scan_csv(
            path,
            infer_schema=False,
            separator=separator,
            row_index_name="row",
            row_index_offset=2,
            truncate_ragged_lines=True,
        )
        found = [name for name in scan.collect_schema().names() if name != "row"]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise unreadable(path, error) from error
    missing = [name for name in columns if name not in found]
    if missing:
        raise DataError(
            f"columns are {', '.join(found[:8])[:200]}; expected {', '.join(columns)}",
            remedy="Give the file as published",
            file=path,
            row=1,
            field=missing[0],
        )
    return scan


def scan_fields(path: Path, columns: Sequence[str], *, separator: str) -> pl.LazyFrame:
    """Fields of a file without header and quotes, such as MovieLens' u.data: text columns, and row (1-based line).

    A field that a line lacks is null; what follows the last named column is left out.
    """
    fields = pl.col("line").str.strip_chars_end("\r").str.split(separator)
    return scan_text_lines(path).select(
        "row", **{name: fields.list.get(place, null_on_oob=True) for place, name in enumerate(columns)}
    )
