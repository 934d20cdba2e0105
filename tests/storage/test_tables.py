from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.contracts import INTERACTIONS, ITEMS, KEYWORDS, TRUTH, USERS, polars_schema
from storage.errors import DataError
from storage.tables import publishing_tables, read_table, write_table, write_tables

TWO_USERS = pl.DataFrame({"user_id": [0, 1], "source_id": ["a", "b"]})
ONE_ITEM = pl.DataFrame(
    {
        "item_id": [0],
        "source_id": ["x"],
        "name": ["n"],
        "categories": [["c"]],
        "attributes": [""],
        "description": [""],
    }
)


def interactions(**columns: object) -> pl.DataFrame:
    row = {
        "user_id": 0,
        "item_id": 0,
        "rating": 4.0,
        "like": True,
        "timestamp": None,
        "order": 0,
        "split": "train",
        "review_text": None,
    }
    return pl.DataFrame([row | columns], schema=polars_schema(INTERACTIONS))


def test_a_written_table_is_read_back_unchanged(tmp_path: Path) -> None:
    write_table(tmp_path / "items.parquet", ONE_ITEM, ITEMS)
    assert read_table(tmp_path / "items.parquet", ITEMS).equals(ONE_ITEM)


def test_columns_are_stored_in_the_contract_s_order(tmp_path: Path) -> None:
    write_table(tmp_path / "users.parquet", TWO_USERS.select("source_id", "user_id"), USERS)
    assert pl.read_parquet(tmp_path / "users.parquet").columns == ["user_id", "source_id"]


@pytest.mark.parametrize(
    "columns", [{"rating": float("nan")}, {"rating": float("inf")}, {"split": "dev"}, {"order": -1}]
)
def test_values_outside_the_contract_are_refused_with_file_and_field(
    tmp_path: Path, columns: dict[str, object]
) -> None:
    (field,) = columns
    with pytest.raises(DataError) as caught:
        write_table(tmp_path / "interactions.parquet", interactions(**columns), INTERACTIONS)
    assert caught.value.file == tmp_path / "interactions.parquet"
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


def test_ids_that_are_not_row_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row numbers"):
        write_table(tmp_path / "users.parquet", TWO_USERS.with_columns(pl.col("user_id") + 1), USERS)


def test_a_repeated_user_item_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_table(tmp_path / "i.parquet", pl.concat([interactions(), interactions(order=1)]), INTERACTIONS)


def test_a_refused_table_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    write_table(path, TWO_USERS, USERS)
    with pytest.raises(DataError):
        write_table(path, TWO_USERS.with_columns(source_id=pl.lit(None, dtype=pl.String)), USERS)
    assert read_table(path, USERS).equals(TWO_USERS)


def test_tables_written_together_change_together_or_not_at_all(tmp_path: Path) -> None:
    users, items = tmp_path / "users.parquet", tmp_path / "items.parquet"
    write_tables({users: (TWO_USERS, USERS), items: (ONE_ITEM, ITEMS)})
    with pytest.raises(DataError):
        write_tables({users: (TWO_USERS.head(1), USERS), items: (ONE_ITEM.drop("name"), ITEMS)})
    assert read_table(users, USERS).height == 2


def test_a_full_disk_is_named_and_the_old_tables_stay(tmp_path: Path, full_disk: Callable[[str], None]) -> None:
    users, items = tmp_path / "users.parquet", tmp_path / "items.parquet"
    write_tables({users: (TWO_USERS, USERS), items: (ONE_ITEM, ITEMS)})
    full_disk("items.parquet")
    with pytest.raises(DataError, match="no space left"):
        write_tables({users: (TWO_USERS.head(1), USERS), items: (ONE_ITEM, ITEMS)})
    assert read_table(users, USERS).equals(TWO_USERS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.parquet", "users.parquet"]


def test_a_table_grows_part_by_part_and_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "truth.parquet"
    parts = [
        pl.DataFrame({"user_id": [user], "item_id": [0], "probability": pl.Series([0.5], dtype=pl.Float32)})
        for user in range(3)
    ]
    with publishing_tables() as tables:
        tables.stream(path, parts, TRUTH)
        assert not path.exists()
    assert read_table(path, TRUTH).equals(pl.concat(parts))
    with pytest.raises(DataError, match="probability"), publishing_tables() as tables:
        tables.stream(path, [parts[0], parts[1].with_columns(probability=pl.lit(7.0, pl.Float32))], TRUTH)
    assert read_table(path, TRUTH).height == 3


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"users\.parquet.*no users table"):
        read_table(tmp_path / "users.parquet", USERS)


@pytest.mark.parametrize("kept", [0, 3, -20])
def test_a_truncated_table_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "users.parquet"
    write_table(path, TWO_USERS, USERS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"users\.parquet.*Delete it"):
        read_table(path, USERS)


def test_a_table_of_another_kind_is_named_with_the_missing_field(tmp_path: Path) -> None:
    path = tmp_path / "keywords.parquet"
    write_table(path, TWO_USERS, USERS)
    with pytest.raises(DataError) as caught:
        read_table(path, KEYWORDS)
    assert caught.value.field == "item_id"


def test_a_column_of_another_type_is_named_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    TWO_USERS.with_columns(pl.col("user_id").cast(pl.Int32)).write_parquet(path)
    with pytest.raises(DataError, match=r"field 'user_id': found type Int32, expected Int64"):
        read_table(path, USERS)
