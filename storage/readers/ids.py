"""Ids as text: whole numbers are written without a fraction, whatever type a program kept them in."""

from __future__ import annotations

import polars as pl

_WHOLE = r"^(-?[0-9]+)\.0+$"


def id_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column of ids as text without blanks around it; null where nothing is left.

    3.0 is 3: a table that lacks some ids, or was joined, keeps whole numbers as fractions. Leading zeros stay.
    """
    column = pl.col(name)
    if dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        return pl.when(whole.cast(dtype) == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    if dtype.is_integer():
        return column.cast(pl.String)
    text = column.cast(pl.String).str.strip_chars()
    return text.str.replace(_WHOLE, "${1}").replace("", None)
