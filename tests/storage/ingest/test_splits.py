from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import DataError
from storage.ingest.splits import add_order_and_split, find_time_cuts
from storage.run_folder import Split

RANK = {"train": 0, "validation": 1, "test": 2}


def frame(users: Mapping[int, Sequence[tuple[int, int | None]]]) -> pl.DataFrame:
    """Users' (item, timestamp) pairs as interactions."""
    rows = [(user, item, time) for user, pairs in users.items() for item, time in pairs]
    return pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "timestamp": pl.Int64}, orient="row")


def split_up(rows: pl.DataFrame, split: Split, seed: int = 0) -> pl.DataFrame:
    cuts = find_time_cuts(lambda: [rows["timestamp"][:7], rows["timestamp"][7:]]) if split == "time" else None
    return add_order_and_split(rows, split, seed, cuts)


@st.composite
def interactions(draw: st.DrawFn, *, timed: bool = True) -> pl.DataFrame:
    counts = draw(st.lists(st.integers(5, 45), min_size=1, max_size=6))
    times = st.integers(0, 30) if timed else st.one_of(st.none(), st.integers(0, 30))
    made = frame({u: list(enumerate(draw(st.lists(times, min_size=n, max_size=n)))) for u, n in enumerate(counts)})
    return made.sample(fraction=1, shuffle=True, seed=draw(st.integers(0, 99)))


@pytest.mark.parametrize(
    ("ratings", "train", "validation", "test"), [(5, 3, 1, 1), (19, 17, 1, 1), (20, 16, 2, 2), (30, 24, 3, 3)]
)
def test_tail_holds_out_a_tenth_and_at_least_one(ratings: int, train: int, validation: int, test: int) -> None:
    made = split_up(frame({0: [(item, item) for item in range(ratings)]}), "tail", 0)
    assert made["split"].to_list() == ["train"] * train + ["validation"] * validation + ["test"] * test


def test_loo_holds_out_one_and_one() -> None:
    made = split_up(frame({0: [(item, item) for item in range(30)]}), "loo", 0)
    assert made["split"].to_list() == ["train"] * 28 + ["validation", "test"]


def test_ties_in_time_are_decided_by_the_item_id() -> None:
    made = split_up(frame({0: [(3, 7), (1, 7), (2, 7), (0, 9), (4, 1)]}), "tail", 0)
    assert made["item_id"].to_list() == [4, 1, 2, 3, 0]


def test_time_cuts_all_users_at_one_moment() -> None:
    early = [(item, item) for item in range(80)]
    late = [(item, item) for item in range(80, 100)]
    made = split_up(frame({0: early, 1: late}), "time", 0)
    assert made.filter(user_id=0)["split"].unique().to_list() == ["train"]
    assert made.filter(user_id=1)["split"].to_list() == ["validation"] * 10 + ["test"] * 10


def test_time_needs_every_timestamp() -> None:
    with pytest.raises(DataError, match=r"1 interactions have no timestamp.*tail"):
        split_up(frame({0: [(0, 1), (1, None), (2, 3)]}), "time", 0)


def test_time_refuses_timestamps_that_leave_a_part_empty() -> None:
    with pytest.raises(DataError, match="share one timestamp"):
        split_up(frame({0: [(item, 5) for item in range(10)]}), "time", 0)


def test_without_timestamps_the_order_is_drawn_from_the_seed() -> None:
    rows = frame({0: [(item, None) for item in range(20)]})
    orders = [split_up(rows, "tail", seed)["item_id"].to_list() for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != sorted(orders[0])


@settings(deadline=None, max_examples=40)
@given(rows=interactions(), split=st.sampled_from(["tail", "loo"]))
def test_no_held_out_row_is_earlier_than_one_of_a_split_before_it(rows: pl.DataFrame, split: Split) -> None:
    made = split_up(rows, split, 0).with_columns(rank=pl.col("split").replace_strict(RANK))
    for (_,), own in made.group_by("user_id"):
        assert own["timestamp"].is_sorted()
        assert own["rank"].is_sorted()
        assert own["order"].to_list() == list(range(own.height))
        held_out = max(1, own.height // 10) if split == "tail" else 1
        assert dict(own["split"].value_counts().iter_rows()) == {
            "train": own.height - 2 * held_out,
            "validation": held_out,
            "test": held_out,
        }


@settings(deadline=None, max_examples=40)
@given(rows=interactions(timed=False), split=st.sampled_from(["tail", "loo"]), seed=st.integers(0, 9))
def test_rows_keep_their_values_and_arriving_in_another_order_changes_nothing(
    rows: pl.DataFrame, split: Split, seed: int
) -> None:
    made = split_up(rows, split, seed)
    keys = ["user_id", "item_id"]
    assert made.select(rows.columns).sort(keys).equals(rows.sort(keys))
    assert split_up(rows.reverse(), split, seed).equals(made)


@settings(deadline=None, max_examples=40)
@given(rows=interactions())
def test_under_time_no_row_of_anyone_is_earlier_than_a_row_of_a_split_before_it(rows: pl.DataFrame) -> None:
    try:
        made = split_up(rows, "time", 0)
    except DataError:
        return
    ends = made.group_by("split").agg(first=pl.col("timestamp").min(), last=pl.col("timestamp").max())
    first, last = (dict(ends.select("split", name).iter_rows()) for name in ("first", "last"))
    assert last["train"] < first["validation"] <= last["validation"] < first["test"]


@settings(deadline=None, max_examples=60)
@given(times=st.lists(st.integers(0, 2**40), min_size=3, max_size=80), pieces=st.integers(1, 5))
def test_time_cuts_are_the_quantiles_of_all_timestamps(times: list[int], pieces: int) -> None:
    parts = [pl.Series(times[start::pieces], dtype=pl.Int64) for start in range(pieces)]
    try:
        cuts = find_time_cuts(lambda: parts)
    except DataError:
        return
    assert [cuts.train, cuts.validation] == [np.quantile(times, share, method="lower") for share in (0.8, 0.9)]


def test_a_seeded_order_of_one_user_does_not_depend_on_the_others() -> None:
    alone = frame({3: [(item, None) for item in range(20)]})
    together = frame({user: [(item, None) for item in range(20)] for user in range(5)})
    assert split_up(alone, "tail", 7).equals(split_up(together, "tail", 7).filter(user_id=3))


def test_the_three_splits_are_all_there_are() -> None:
    assert get_args(Split) == ("tail", "loo", "time")
