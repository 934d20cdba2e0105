"""The three splits: `tail`, `loo` and `time` (docs/evaluation.md). All vectorised, all with stable ties."""

from __future__ import annotations

import numpy as np
import polars as pl

from storage.errors import DataError
from storage.run_folder import Split

TAIL_SHARE = 10  # one in ten
TIME_CUTS = (0.8, 0.9)


def add_order_and_split(interactions: pl.DataFrame, split: Split, seed: int) -> pl.DataFrame:
    """Sort by user and time and say which rows are train, validation and test.

    Parameters
    ----------
    interactions
        Columns user_id, item_id, timestamp (null where unknown); no repeated pairs.
    split
        `tail`: per user the last tenth, at least one, is test, the tenth before it validation. `loo`: one and one.
        `time`: one pair of cuts for all users, at 80 % and 90 % of the timestamps.
    seed
        Orders the interactions of users whose timestamps are unknown.

    Returns
    -------
    polars.DataFrame
        The rows sorted by user_id and order, with `order` (int32, 0 .. within the user) and `split`.

    Raises
    ------
    DataError
        Where `time` is asked for and a timestamp is missing, or too many are equal to cut between them.
    """
    drawn = np.random.default_rng(seed).permutation(interactions.height)
    ordered = (
        # Sorted first, so that the draw does not depend on the order in which rows arrive.
        interactions.sort("user_id", "item_id")
        .with_columns(pl.Series("_drawn", drawn))
        # A user with any unknown timestamp has no order of time: all of that user's rows take the seeded one.
        .with_columns(_untimed=pl.col("timestamp").is_null().any().over("user_id"))
        .with_columns(_drawn=pl.when("_untimed").then("_drawn").otherwise(0))
        .with_columns(_time=pl.when("_untimed").then(0).otherwise("timestamp"))
        .sort("user_id", "_time", "_drawn", "item_id")
        .with_columns(order=pl.int_range(pl.len(), dtype=pl.Int32).over("user_id"), _count=pl.len().over("user_id"))
    )
    if split == "time":
        ordered = ordered.with_columns(split=_by_time(ordered))
    else:
        held_out = (pl.col("_count") // TAIL_SHARE).clip(lower_bound=1) if split == "tail" else pl.lit(1)
        from_end = pl.col("_count") - pl.col("order")
        ordered = ordered.with_columns(
            split=pl.when(from_end <= held_out)
            .then(pl.lit("test"))
            .when(from_end <= 2 * held_out)
            .then(pl.lit("validation"))
            .otherwise(pl.lit("train"))
        )
    return ordered.drop("_drawn", "_untimed", "_time", "_count")


def _by_time(ordered: pl.DataFrame) -> pl.Series:
    times = ordered["timestamp"]
    if times.null_count():
        raise DataError(
            f"{times.null_count()} interactions have no timestamp, which the split `time` needs",
            remedy="Use the split `tail` or `loo`",
            field="timestamp",
        )
    first, second = (np.quantile(times.to_numpy(), cut, method="lower") for cut in TIME_CUTS)
    if not first < second < times.to_numpy().max():
        raise DataError(
            "more than a tenth of the interactions share one timestamp at a cut, so the split `time` has an empty part",
            remedy="Use the split `tail` or `loo`",
            field="timestamp",
        )
    # A row at a cut belongs before it, so that equal times are never on both sides.
    return ordered.select(
        pl.when(times <= first)
        .then(pl.lit("train"))
        .when(times <= second)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("test"))
    ).to_series()
