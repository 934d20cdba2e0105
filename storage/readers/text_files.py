"""Scans of text files: lines, JSON lines, delimited fields with a header or without."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.blocks import Block, blocks_of
from storage.readers.dialects import Dialect, dialect_of, without_blanks
from storage.readers.encoding import unreadable
from storage.readers.scans import READ_ERRORS, ROW, Scan

_QUOTE = '"'
_ROUNDED = r"^-?\d(?:\.\d+)?e\+\d+$"  # a whole number of more digits than a JSON reader keeps


def scan_lines(path: Path) -> Scan:
    """Lines that are not blank, in column `line`, without byte-order mark."""

    def parsed(block: Block) -> pl.DataFrame:
        lines = pl.scan_lines(block.data, row_index_name=ROW, row_index_offset=block.line).collect()
        return lines.filter(pl.col("line").str.strip_chars() != "").cast({ROW: pl.Int64})

    return Scan(path, ("line",), lambda: (partial(parsed, block) for block in blocks_of(path, quoted=False)))


def scan_json_lines(path: Path, fields: Mapping[str, str]) -> Scan:
    """Fields of JSON lines as text: strings as they are, anything else as JSON; null where a line has none.

    Parameters
    ----------
    path
        A plain UTF-8 file.
    fields
        Column names and the JSON paths that fill them, as in {"user_id": "$.reviewerID"}.
    """
    paths = {name: _json_field(path) for name, path in fields.items()}
    scan = scan_lines(path).then(lambda lines: lines.select(ROW, **paths))
    return replace(scan, names=tuple(fields))


def _json_field(path: str) -> pl.Expr:
    """The value at a JSON path as text; a whole number of more than nineteen digits as it is written."""
    value = pl.col("line").str.json_path_match(path)
    key = re.escape(re.split(r"[.']", path.removesuffix("']"))[-1])
    written = pl.col("line").str.extract(rf'"{key}"\s*:\s*(-?\d+)\s*[,}}]')
    return pl.when(value.str.contains(_ROUNDED)).then(pl.coalesce(written, value)).otherwise(value)


def scan_csv(path: Path, columns: Sequence[str] = (), *, separator: str = ",") -> Scan:
    """All columns of a file with a header, as text.

    A field that a record lacks is null; what a record has too much of is left out.

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
    dialect = dialect_of(path, separator)
    names = _header(path, separator, dialect)
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(
            f"columns are {', '.join(names[:8])[:200]}; expected {', '.join(columns)}",
            remedy="Give the file as published",
            file=path,
            row=1,
            field=missing[0],
        )

    def parsed(block: Block) -> pl.DataFrame:
        frame = pl.read_csv(
            without_blanks(block.data, separator) if dialect.blanks else block.data,
            has_header=False,
            separator=separator,
            quote_char=_QUOTE if dialect.quoted else None,
            schema=dict.fromkeys(names, pl.String),
            infer_schema=False,
            truncate_ragged_lines=True,
            missing_columns="insert",
            raise_if_empty=False,
        )
        frame = frame.with_columns(_line_numbers(frame, block))
        frame = frame[1:] if block.line == 1 else frame
        if dialect.blanks:
            frame = frame.with_columns(pl.col(names).str.strip_chars().replace('""', ""))
        # A blank line is no record.
        return frame.filter(pl.any_horizontal(pl.col(names).is_not_null())) if frame[names[0]].has_nulls() else frame

    return Scan(path, names, lambda: (partial(parsed, block) for block in blocks_of(path, quoted=dialect.quoted)))


def scan_fields(path: Path, columns: Sequence[str], *, separator: str) -> Scan:
    """Fields of a file without header and quotes, such as MovieLens' u.data, as text columns.

    A field that a line lacks is null; what follows the last named column is left out.
    """
    fields = pl.col("line").str.strip_chars_end("\r").str.split(separator)
    named = {name: fields.list.get(place, null_on_oob=True) for place, name in enumerate(columns)}
    return replace(scan_lines(path).then(lambda lines: lines.select(ROW, **named)), names=tuple(columns))


def json_texts(text: pl.Expr) -> pl.Expr:
    """A JSON array of strings, as text, to a list of strings; a single string to a list of one, nothing to null."""
    return (
        pl.when(text.str.starts_with("["))
        .then(text.map_batches(_arrays, return_dtype=pl.List(pl.String)))
        .when(text.str.strip_chars() != "")
        .then(pl.concat_list(text))
    )


def _header(path: Path, separator: str, dialect: Dialect) -> tuple[str, ...]:
    """The names in the first record, each once."""
    try:
        block = next((block.data for block in blocks_of(path, quoted=dialect.quoted)), b"")
        first = pl.read_csv(
            without_blanks(block, separator) if dialect.blanks else block,
            has_header=False,
            separator=separator,
            quote_char=_QUOTE if dialect.quoted else None,
            infer_schema=False,
            n_rows=1,
            truncate_ragged_lines=True,
        ).row(0)
    except READ_ERRORS as error:
        raise unreadable(path, error) from error
    names: dict[str, None] = {}
    for place, name in enumerate(first):
        plain = (name or "").strip() or f"column_{place + 1}"
        names[plain if plain not in names and plain != ROW else f"{plain}_{place + 1}"] = None
    return tuple(names)


def _line_numbers(frame: pl.DataFrame, block: Block) -> pl.Series:
    """The line that each record of a block begins at."""
    place = pl.int_range(block.line, block.line + frame.height, dtype=pl.Int64, eager=True)
    if block.breaks <= frame.height or frame.height == 0:
        return place.alias(ROW)
    inside = frame.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0))).to_series()
    return (place + inside.cum_sum() - inside).cast(pl.Int64).alias(ROW)


def _arrays(texts: pl.Series) -> pl.Series:
    try:
        arrays = pl.when(texts.str.starts_with("[")).then(texts).otherwise(pl.lit("[]"))
        return pl.select(arrays.str.json_decode(pl.List(pl.String))).to_series()
    except pl.exceptions.PolarsError:  # one of them is none, or nested: judged one by one
        return pl.Series(texts.name, [_array(text) for text in texts.to_list()], dtype=pl.List(pl.String))


def _array(text: str | None) -> list[str] | None:
    """The names in a list as JSON or Python write it, those of its records where it is one of records."""
    if text is None or not text.startswith("["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            entries = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(entries, list):
            return [name for entry in entries if (name := _entry_name(entry)) is not None]
    return None


def _entry_name(entry: object) -> str | None:
    """The name of an entry: itself, or a record's name, title, label or first text."""
    if isinstance(entry, dict):
        texts = {str(key).lower(): value for key, value in entry.items() if isinstance(value, str)}
        named = (texts[key] for key in ("name", "title", "label") if key in texts)
        return next(named, next(iter(texts.values()), None))
    return None if entry is None or isinstance(entry, list) else str(entry)
