"""The three splits: `tail`, `loo` and `time` (docs/evaluation.md). All vectorised, all with stable ties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage.errors import DataError
from storage.readers.timestamps import LATEST
from storage.run_folder import Split

_TAIL_SHARE = 10  # one in ten
_TIME_CUTS = (0.8, 0.9)
_DIGIT_BITS = 14


@dataclass(frozen=True)
class TimeCuts:
    """Where the split `time` cuts, for all users alike: the last second of train and of validation."""

    train: int
    validation: int

    def part(self, column: str) -> pl.Expr:
        """0 for train, 1 for validation, 2 for test; a row at a cut belongs before it, so equal times stay together."""
        return (pl.col(column) > self.train).cast(pl.Int8) + (pl.col(column) > self.validation).cast(pl.Int8)


def find_time_cuts(timestamps: Callable[[], Iterable[pl.Series]]) -> TimeCuts:
    """Cuts at 80 % and 90 % of all timestamps, in memory that does not depend on how many there are.

    Parameters
    ----------
    timestamps
        Gives the timestamps (int64 seconds, 0 to 2**40, null where unknown) anew at each call, in parts.

    Raises
    ------
    DataError
        Where a timestamp is missing, or too many are equal to cut between them.
    """
    count = missing = latest = 0
    for part in timestamps():
        count += len(part)
        missing += part.null_count()
        latest = max(latest, int(part.max() or 0))  # type: ignore[arg-type]  # whole numbers
    if missing:
        raise DataError(
            f"{missing:,} interactions have no timestamp, which the split `time` needs",
            remedy="Use the split `tail` or `loo`",
            field="timestamp",
        )
    first, second = (_ranked(timestamps, int(share * (count - 1))) for share in _TIME_CUTS)
    if not first < second < latest:
        raise DataError(
            "more than a tenth of the interactions share one timestamp at a cut, so the split `time` has an empty part",
            remedy="Use the split `tail` or `loo`",
            field="timestamp",
        )
    return TimeCuts(first, second)


def add_order_and_split(interactions: pl.DataFrame, split: Split, seed: int, cuts: TimeCuts | None) -> pl.DataFrame:
    """Sort by user and time and assign rows to train, validation and test.

    Parameters
    ----------
    interactions
        Columns user_id, item_id, timestamp (null where unknown); no repeated pairs. Whole users, not all of them.
    split
        `tail`: per user the last tenth, at least one, is test, the tenth before it validation. `loo`: one and one.
        `time`: one pair of cuts for all users.
    seed
        Orders the interactions of users whose timestamps are unknown, each user apart from all others.
    cuts
        Those of the split `time`; None for the others.

    Returns
    -------
    polars.DataFrame
        The rows sorted by user_id and order, with `order` (int32, 0 .. within the user) and `split`.
    """
    if interactions["timestamp"].null_count() == interactions.height:
        ordered = _in_drawn_order(interactions, seed)
    else:  # where only some rows have a time, those without one come first
        known = interactions.with_columns(pl.col("timestamp").fill_null(0))
        ordered = interactions[_order_in_time(known)]
    lengths = ordered["user_id"].rle().struct.field("len").to_numpy()
    count, start = (np.repeat(values, lengths) for values in (lengths, np.cumsum(lengths) - lengths))
    ordered = ordered.with_columns(
        order=pl.Series(np.arange(len(start)) - start, dtype=pl.Int32), _count=pl.Series(count, dtype=pl.Int32)
    )
    if cuts is not None:
        part = cuts.part("timestamp")
    else:
        held_out = (pl.col("_count") // _TAIL_SHARE).clip(lower_bound=1) if split == "tail" else pl.lit(1)
        from_end = pl.col("_count") - pl.col("order")
        part = (from_end <= 2 * held_out).cast(pl.Int8) + (from_end <= held_out).cast(pl.Int8)
    named = (
        pl.when(part == 0).then(pl.lit("train")).when(part == 1).then(pl.lit("validation")).otherwise(pl.lit("test"))
    )
    return ordered.with_columns(split=named).drop("_count")


def _order_in_time(interactions: pl.DataFrame) -> NDArray[np.intp]:
    """Places of the rows by user, time and item. Numbers that hold two of them sort three times as fast as columns."""
    users, times, items = (interactions[name].to_numpy() for name in ("user_id", "timestamp", "item_id"))
    span = int(times.max(initial=0)) + 1
    if (int(users.max(initial=0)) + 1) * span >= 2**63:
        return np.lexsort((items, times, users))
    moments = users * span + times
    order = np.argsort(moments)
    differs = np.diff(moments[order]) != 0
    tied = np.zeros(len(order), dtype=bool)
    tied[1:] = ~differs
    tied[:-1] |= ~differs
    some = order[tied]
    group = np.concatenate([[0], np.cumsum(differs)])[tied]
    order[tied] = some[np.argsort(group * (int(items.max(initial=0)) + 1) + items[some])]
    return order


def _in_drawn_order(interactions: pl.DataFrame, seed: int) -> pl.DataFrame:
    """A user with any unknown timestamp has no order of time: all of that user's rows take the seeded one."""
    users, items = (interactions[name].to_numpy() for name in ("user_id", "item_id"))
    return (
        interactions.with_columns(
            pl.Series("_drawn", _draw(users, items, seed)),
            _untimed=pl.col("timestamp").is_null().any().over("user_id"),
        )
        .with_columns(
            _drawn=pl.when("_untimed").then("_drawn").otherwise(0),
            _time=pl.when("_untimed").then(0).otherwise("timestamp"),
        )
        .sort("user_id", "_time", "_drawn", "item_id")
        .drop("_drawn", "_untimed", "_time")
    )


def _ranked(timestamps: Callable[[], Iterable[pl.Series]], rank: int) -> int:
    """The timestamp of a rank, found digit by digit from the highest (radix selection)."""
    prefix = 0
    bits = LATEST.bit_length()
    for shift in range((bits - 1) // _DIGIT_BITS * _DIGIT_BITS, -1, -_DIGIT_BITS):
        counts = np.zeros(1 << _DIGIT_BITS, dtype=np.int64)
        for part in timestamps():
            values = part.to_numpy()
            digits = (values[values >> (shift + _DIGIT_BITS) == prefix] >> shift) & ((1 << _DIGIT_BITS) - 1)
            counts += np.bincount(digits, minlength=len(counts))
        upto = np.cumsum(counts)
        digit = int(np.searchsorted(upto, rank, side="right"))
        rank -= int(upto[digit - 1]) if digit else 0
        prefix = prefix << _DIGIT_BITS | digit
    return prefix


def _draw(users: NDArray[np.int64], items: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A seeded number for each (user, item) that depends on nothing else (SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        state = _mixed(_mixed(np.uint64(seed) + users.astype(np.uint64)) ^ items.astype(np.uint64))
    return state >> np.uint64(1)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
