"""Points in time as publishers write them, to seconds since 1970."""

from __future__ import annotations

from typing import Literal

import polars as pl

TimeUnit = Literal["s", "ms", "us", "ns", "iso"]
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
LATEST = 2**40  # seconds; far beyond any clock, and a bound for counting


def seconds(column: str, dtype: pl.DataType, unit: TimeUnit) -> pl.Expr:
    """Int64 seconds since 1970 of a column of numbers, text or dates; null where it is none or lies before 1970.

    Parameters
    ----------
    column, dtype
        Name and type of the column.
    unit
        What its numbers count; `iso` for dates and times as text, such as 2014-07-01 or 2014-07-01T12:00:00Z.
    """
    value = pl.col(column)
    if dtype.is_temporal():
        found = value.cast(pl.Datetime("us"), strict=False).dt.epoch("s")
    elif unit == "iso":
        text = value.cast(pl.String).str.strip_chars().str.replace(" ", "T", literal=True).str.strip_chars_end("Z")
        found = pl.coalesce(
            text.str.to_datetime(pattern, time_unit="us", strict=False)
            for pattern in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
        )
        found = pl.coalesce(found, text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))).dt.epoch("s")
    else:
        if not dtype.is_numeric():
            value = value.cast(pl.String).str.strip_chars()
        exact, rough = value.cast(pl.Int64, strict=False), value.cast(pl.Float64, strict=False)
        whole = pl.when(rough.is_between(0, float(2**62))).then(rough).cast(pl.Int64, strict=False)
        found = pl.coalesce(exact, whole) // _PER_SECOND[unit]
    return pl.when(found.is_between(0, LATEST)).then(found)
