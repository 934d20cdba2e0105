"""Points in time as publishers write them, to seconds since 1970."""

from __future__ import annotations

import polars as pl

from storage.settings.table import TimeUnit

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAYS = {"yyyymmdd": "", "year": "0101"}  # what makes a day of a number
_ZONE = r"^(?<time>.*T.*?)\s*(?:[Zz]|UTC|(?<sign>[+-])(?<hours>\d{2}):?(?<minutes>\d{2})?)$"
LATEST = 2**40  # seconds; far beyond any clock, and a bound for counting


def seconds(column: str, dtype: pl.DataType, unit: TimeUnit) -> pl.Expr:
    """Int64 seconds since 1970 of a column of numbers, text or dates; null where it is none or lies before 1970.

    Parameters
    ----------
    column, dtype
        Name and type of the column.
    unit
        What its numbers count; `iso` for dates and times as text, such as 2014-07-01, 2014-07-01T12:00:00Z or
        2014-07-01 14:00+02:00.
    """
    value = pl.col(column)
    if isinstance(dtype, pl.Date | pl.Datetime):
        time = value.cast(pl.Datetime("us"), strict=False).dt.epoch("s")
    elif dtype.is_temporal() or dtype.is_nested() or dtype in (pl.Binary, pl.Boolean):
        return pl.lit(None, pl.Int64)
    elif unit in _DAYS:
        whole = value.map_batches(_whole, return_dtype=pl.Int64).cast(pl.String)
        time = (whole + _DAYS[unit]).str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us")).dt.epoch("s")
    elif unit == "iso":
        text = value.cast(pl.String).str.strip_chars().str.replace(" ", "T", literal=True)
        zone = text.str.extract_groups(_ZONE)
        local = text.str.replace(_ZONE, "${time}")
        time = pl.coalesce(
            local.str.to_datetime(pattern, time_unit="us", strict=False)
            for pattern in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%d.%m.%YT%H:%M:%S", "%d.%m.%YT%H:%M")
        )
        days = (local.str.to_date(pattern, strict=False) for pattern in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y"))
        time = pl.coalesce(time, *(day.cast(pl.Datetime("us")) for day in days)).dt.epoch("s")
        hours, minutes = (
            zone.struct.field(part).cast(pl.Int64, strict=False).fill_null(0) for part in ("hours", "minutes")
        )
        offset = hours * 3600 + minutes * 60
        time += pl.when(zone.struct.field("sign") == "-").then(offset).otherwise(-offset)
    else:
        time = value.map_batches(_whole, return_dtype=pl.Int64) // _PER_SECOND[unit]
    return pl.when(time.is_between(0, LATEST)).then(time)


def _whole(values: pl.Series) -> pl.Series:
    """Whole numbers, or the whole part of others; null where a value is none. Most columns need no second look."""
    exact = values.cast(pl.Int64, strict=False)
    if exact.null_count() == values.null_count():
        return exact
    if not values.dtype.is_numeric():
        values = values.cast(pl.String).str.strip_chars()
        exact = values.cast(pl.Int64, strict=False)
    rough = values.cast(pl.Float64, strict=False)
    whole = rough.set(~rough.is_between(0, float(2**62)), None).cast(pl.Int64, strict=False)
    return exact.zip_with(exact.is_not_null(), whole)
