"""One JSON object a line; a line that is none yields nulls, which the rating check then counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl


def scan_text_lines(path: Path) -> pl.LazyFrame:
    """Lines that are not blank: row (1-based) and line, without byte-order mark."""
    return (
        pl.scan_lines(path, row_index_name="row", row_index_offset=1)
        .with_columns(pl.col("line").str.strip_prefix("\ufeff"))
        .filter(pl.col("line").str.strip_chars() != "")
    )


def scan_json_lines(path: Path, fields: Mapping[str, str]) -> pl.LazyFrame:
    """Fields of JSON lines as text: strings as they are, anything else as JSON; null where a line has none.

    Parameters
    ----------
    path
        A plain UTF-8 file.
    fields
        Column names and the JSON paths that fill them, as in {"user_id": "$.reviewerID"}.
    """
    paths = {name: pl.col("line").str.json_path_match(path) for name, path in fields.items()}
    return scan_text_lines(path).select("row", **paths)


def json_texts(text: pl.Expr) -> pl.Expr:
    """A JSON array of strings, as text, to a list of strings; a single string to a list of one, nothing to null."""
    return (
        pl.when(text.str.starts_with("["))
        .then(text.map_batches(_arrays, return_dtype=pl.List(pl.String)))
        .when(text.str.strip_chars() != "")
        .then(pl.concat_list(text))
    )


def _arrays(texts: pl.Series) -> pl.Series:
    try:
        arrays = pl.when(texts.str.starts_with("[")).then(texts).otherwise(pl.lit("[]"))
        return pl.select(arrays.str.json_decode(pl.List(pl.String))).to_series()
    except pl.exceptions.PolarsError:  # one of them is none, or nested: judged one by one
        return pl.Series(texts.name, [_array(text) for text in texts.to_list()], dtype=pl.List(pl.String))


def _array(text: str | None) -> list[str] | None:
    if text is None or not text.startswith("["):
        return None
    try:
        return pl.Series([text]).str.json_decode(pl.List(pl.String)).to_list()[0]
    except pl.exceptions.PolarsError:
        return None
