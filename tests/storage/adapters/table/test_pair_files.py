"""Files of pairs: row numbers in the file's order, and errors that name line, field and what was found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from storage.adapters.table.pair_files import read_pairs
from storage.errors import DataError

USERS = pl.DataFrame({"user_id": [0, 1, 2], "source_id": ["10", "20", "30"]})
ITEMS = pl.DataFrame({"item_id": [0, 1], "source_id": ["a-1", "a-2"]})


def test_pairs_are_row_numbers_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("item_id,note,user_id\na-2,x,30\na-1,,10\na-2,y,30\n")
    assert read_pairs(path, USERS, ITEMS).rows() == [(2, 1), (0, 0), (2, 1)]


def test_parquet_may_hold_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pl.DataFrame({"user_id": [20, 10], "item_id": ["a-1", "a-2"]}).write_parquet(path)
    assert read_pairs(path, USERS, ITEMS).rows() == [(1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "user_id,item_id\n10,a-1\n10,a-3\n",
            r"row 3, field 'item_id': found 'a-3', expected the id of one of 2 items",
        ),
        ("user_id,item_id\n,a-1\n", r"row 2, field 'user_id': found nothing"),
        ("user,item_id\n10,a-1\n", r"field 'user_id': the column is missing; found user, item_id"),
        ("user_id,item_id\n", "no pair found"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_pairs(path, USERS, ITEMS)


def test_ids_are_no_fractions(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pl.DataFrame({"user_id": [20.5], "item_id": ["a-1"]}).write_parquet(path)
    with pytest.raises(DataError, match="field 'user_id': found type Float64"):
        read_pairs(path, USERS, ITEMS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        read_pairs(tmp_path / "none.csv", USERS, ITEMS)
