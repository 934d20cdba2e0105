from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.readers.timestamps import LATEST, seconds
from storage.settings.table import TimeUnit

NOON = 1_404_216_000  # 2014-07-01T12:00:00Z


def told(values: list[object], unit: TimeUnit, dtype: pl.DataType | None = None) -> list[int | None]:
    frame = pl.DataFrame({"time": pl.Series(values, dtype=dtype or pl.String())})
    return frame.select(seconds("time", frame.schema["time"], unit)).to_series().to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2014-07-01T12:00:00Z",
        "2014-07-01T12:00:00z",
        "2014-07-01 12:00:00",
        " 2014-07-01T12:00 ",
        "2014-07-01T12:00:00.789",
        "2014-07-01T12:00:00.789Z",
        "2014-07-01 12:00:00 UTC",
        "2014-07-01T14:00:00+02:00",
        "2014-07-01 14:00:00+02",
        "2014-07-01 14:00 +0200",
        "2014-07-01T08:30:00.5-0330",
        "2014-07-02T02:00:00.123456+14:00",
    ],
)
def test_times_in_iso_8601_are_read_in_their_zone(text: str) -> None:
    assert told([text], "iso") == [NOON]


def test_a_date_is_its_first_second_in_utc() -> None:
    assert told(["2014-07-01", "1970-01-01"], "iso") == [NOON - 12 * 3600, 0]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2014-13-01", "2014-07-01T25:00", "1969-12-31", "12:00", "+02:00", "T"]
)
def test_what_is_no_time_is_null(text: str) -> None:
    assert told([text, None], "iso") == [None, None]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_numbers_count_units(unit: TimeUnit, factor: int) -> None:
    late = (NOON + 1) * factor - 1
    assert told([str(late), f" {NOON * factor} ", f"{NOON * factor:.1f}"], unit) == [NOON] * 3
    assert told([late], unit, pl.Int64()) == [NOON]
    assert told([float(NOON * factor)], unit, pl.Float64()) == [NOON]


@pytest.mark.parametrize("text", ["-1", "NaN", "inf", "-inf", "1e300", str(LATEST + 1), "9" * 30, "0x10"])
def test_numbers_beyond_any_clock_are_null(text: str) -> None:
    assert told([text], "s") == [None]


def test_typed_dates_and_times_need_no_unit() -> None:
    noon = dt.datetime(2014, 7, 1, 12)
    assert told([noon], "s", pl.Datetime("ms")) == [NOON]
    assert told([noon], "iso", pl.Datetime("ns")) == [NOON]
    assert told([noon.replace(tzinfo=dt.UTC)], "iso", pl.Datetime("us", "Europe/Berlin")) == [NOON]
    assert told([noon.date()], "iso", pl.Date()) == [NOON - 12 * 3600]
    assert told([dt.time(12)], "iso", pl.Time()) == [None]
    assert told([dt.timedelta(1)], "iso", pl.Duration()) == [None]


@given(st.datetimes(dt.datetime(1970, 1, 3), dt.datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_any_time_that_python_writes_is_read_back(time: dt.datetime, minutes: int) -> None:
    time = time.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    assert told([time.isoformat()], "iso") == [int(time.timestamp() // 1)]
