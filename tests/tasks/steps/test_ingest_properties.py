from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.contracts import INTERACTIONS, ITEMS, USERS
from storage.errors import DataError
from storage.ingest import user_buckets
from storage.run_folder import RunFolder, Split
from storage.settings.datasets import DatasetSettings
from storage.tables import read_table
from tasks.steps.ingest import IngestSettings, ingest

Row = tuple[str, str, float, int]
Core = Literal["off", "users", "users_and_items"]
TABLES = {"users.parquet": USERS, "items.parquet": ITEMS, "interactions.parquet": INTERACTIONS}


def ingested(
    place: Path, rows: list[Row], *, core: Core = "off", least: int = 3, split: Split = "tail"
) -> dict[str, pl.DataFrame]:
    source, folder = place / "source", RunFolder(place / "runs" / "run")
    source.mkdir(parents=True, exist_ok=True)
    columns = ["user_id", "item_id", "rating", "timestamp"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(source / "ratings.csv")
    dataset = DatasetSettings.model_validate(
        {
            **{
                "name": "t",
                "adapter": "table",
                "like_threshold": 3,
                "core": core,
                "min_ratings": least,
                "split": split,
            },
            "table": {"interactions": "ratings.csv", "time_unit": "s"},
        }
    )
    ingest.function(folder, IngestSettings(dataset=dataset, source=str(source)))
    return {name: read_table(folder.path(name), contract) for name, contract in TABLES.items()}


def pairs_of(tables: dict[str, pl.DataFrame]) -> set[tuple[str, str]]:
    users = tables["users.parquet"].select("user_id", user="source_id")
    items = tables["items.parquet"].select("item_id", item="source_id")
    rows = tables["interactions.parquet"].join(users, on="user_id").join(items, on="item_id")
    return set(rows.select("user", "item").iter_rows())


def brute_core(pairs: set[tuple[str, str]], of_user: int, of_item: int) -> set[tuple[str, str]]:
    while True:
        kept = {
            (user, item)
            for user, item in pairs
            if sum(other == user for other, _ in pairs) >= of_user
            and sum(other == item for _, other in pairs) >= of_item
        }
        if kept == pairs:
            return kept
        pairs = kept


@pytest.mark.parametrize("split", ["tail", "loo", "time"])
def test_tables_are_the_same_whatever_the_number_of_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: Split
) -> None:
    rows = [
        (f"u{user}", f"i{item}", float(1 + (user * item) % 5), 100 * item + user)
        for item in range(9)
        for user in range(12)
        if (user + item) % 4
    ]
    rows += [("u3", "i0", 1.0, 950), ("u4", "i1", 2.0, 5)]
    one = ingested(tmp_path / "one", rows, core="users_and_items", least=4, split=split)
    for size in (400, 30):
        monkeypatch.setattr(user_buckets, "_BYTES_PER_BUCKET", size)
        many = ingested(tmp_path / str(size), rows, core="users_and_items", least=4, split=split)
        for name, key in {"users.parquet": "user_id", "items.parquet": "item_id"}.items():
            assert many[name].sort(key).equals(one[name].sort(key))
        orders = [table["interactions.parquet"].sort("user_id", "order") for table in (one, many)]
        assert orders[0].equals(orders[1])


@settings(deadline=None, max_examples=40)
@given(
    pairs=st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1, max_size=36),
    core=st.sampled_from(["off", "users", "users_and_items"]),
    least=st.integers(3, 5),
)
def test_the_core_is_the_largest_in_which_all_have_enough(pairs: set[tuple[str, str]], core: Core, least: int) -> None:
    expected = brute_core(pairs, 3 if core == "off" else least, least if core == "users_and_items" else 1)
    rows = [(user, item, 4.0, number) for number, (user, item) in enumerate(sorted(pairs))]
    with tempfile.TemporaryDirectory() as place:
        if not expected:
            with pytest.raises(DataError, match="not one of"):
                ingested(Path(place), rows, core=core, least=least)
        else:
            assert pairs_of(ingested(Path(place), rows, core=core, least=least)) == expected


def test_a_five_core_has_five_of_everyone_and_everything(tmp_path: Path) -> None:
    full = [(f"u{user}", f"i{item}", 4.0, user + item) for user in range(6) for item in range(5)]
    chain = [("u9", f"i{item}", 4.0, item) for item in range(4)] + [("u9", "rare", 4.0, 9)]
    tables = ingested(tmp_path, full + chain, core="users_and_items", least=5)
    assert pairs_of(tables) == {(user, item) for user, item, _, _ in full}
    assert "rare" not in tables["items.parquet"]["source_id"].to_list()


@pytest.mark.parametrize(("split", "rating"), [("tail", 5.0), ("loo", 5.0), ("time", 2.0)])
def test_a_repeated_pair_keeps_its_last_rating_before_the_cut(tmp_path: Path, split: Split, rating: float) -> None:
    rows = [(f"u{user}", f"i{item}", 4.0, 100 * item + user) for user in range(5) for item in range(10)]
    again = [("u0", "i0", 1.0, 10), ("u0", "i0", 2.0, 20), ("u0", "i0", 5.0, 99_999)]
    interactions = ingested(tmp_path, rows + again, split=split)["interactions.parquet"]
    (found,) = interactions.filter(user_id=0, item_id=0).iter_rows(named=True)
    assert found["rating"] == rating
    assert (found["split"] == "train") == (split == "time")


def test_what_a_killed_run_left_is_cleaned_at_the_next(tmp_path: Path) -> None:
    left = tmp_path / "runs" / ".ingest-run" / "buckets"
    left.mkdir(parents=True)
    (left / "bucket-000.arrow").write_bytes(b"half a bucket")
    (left.parent / "ratings.csv").write_bytes(b"half a file")
    ingested(tmp_path, [("u", f"i{item}", 4.0, item) for item in range(5)])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]
    assert len(list((tmp_path / "runs" / "run").iterdir())) == 4
