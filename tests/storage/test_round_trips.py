from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.adapters.table import TableReader
from storage.datasets import DatasetSettings
from storage.tables import USERS, read_table, write_table
from tests.storage.readings import read_all

# Ids and texts as they leave the reader: blanks at their ends and invisible characters are not kept.
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
IDS = st.text(LETTERS, min_size=1, max_size=8)
TEXTS = st.text(st.sampled_from("aé題\"',;|\t\n\\ {}[]:$#"), max_size=12)
ROWS = st.lists(
    st.tuples(IDS, IDS, st.sampled_from([0.5, 1.0, 3.5, 5.0]), st.integers(0, 4_000_000_000), TEXTS),
    min_size=1,
    max_size=8,
)
WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "r.csv": lambda frame, path: frame.write_csv(path, quote_style="non_numeric"),
    "r.tsv": lambda frame, path: frame.write_csv(path, separator="\t", quote_style="non_numeric"),
    "r.jsonl": lambda frame, path: frame.write_ndjson(path),
    "r.parquet": lambda frame, path: frame.write_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
@settings(deadline=None, max_examples=40)
@given(rows=ROWS)
def test_ratings_that_any_writer_wrote_are_read_back(name: str, rows: list[tuple[str, str, float, int, str]]) -> None:
    columns = ["user_id", "item_id", "rating", "timestamp", "review_text"]
    dataset = DatasetSettings.model_validate(
        {"name": "t", "adapter": "table", "like_threshold": 3, "rating_min": 0.5, "bad_row_limit": 0}
        | {"table": {"interactions": name, "time_unit": "s"}}
    )
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[name](pl.DataFrame(rows, schema=columns, orient="row"), Path(folder) / name)
        found = read_all(TableReader(), Path(folder), dataset).interactions
    plain = [(*row[:4], " ".join(row[4].split()) or None) for row in rows]
    assert found.rows() == plain


@settings(deadline=None, max_examples=40)
@given(ids=st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1, max_size=8))
def test_a_canonical_table_is_read_back(ids: list[str]) -> None:
    users = pl.DataFrame({"user_id": range(len(ids)), "source_id": ids})
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder) / "users.parquet", users, USERS)
        assert read_table(Path(folder) / "users.parquet", USERS).equals(users)
