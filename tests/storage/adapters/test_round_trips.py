"""What a writer wrote is read back by its reader: tables of one's own, publishers' formats, the run folder's files."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import contracts
from storage.adapters.registry import ADAPTERS
from storage.adapters.table.table import TableReader
from storage.checkpoints import load_arrays, save_arrays
from storage.contracts import INTERACTIONS, Contract, polars_schema
from storage.settings.datasets import DatasetSettings
from storage.tables import publishing_tables, read_table, write_table
from storage.vectors import Vectors, read_item_vectors, read_keyword_vectors, write_embeddings
from tests.support import published
from tests.support.published import Published, json_lines, lines
from tests.support.readings import read_all

# Ids and texts as they leave the reader: blanks at their ends and invisible characters are not kept.
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
IDS = st.text(LETTERS, min_size=1, max_size=8)
NUMBERS = st.integers(0, 10**9).map(str)
TEXTS = st.text(st.sampled_from("aé題\"',;|\t\n\\ {}[]:$#"), max_size=12)
TIMES = st.integers(0, 4_000_000_000)
COLUMNS = ["user_id", "item_id", "rating", "timestamp", "review_text"]
Rating = tuple[str, str, float, int, str]


def ratings(ids: st.SearchStrategy[str], values: list[float]) -> st.SearchStrategy[list[Rating]]:
    return st.lists(st.tuples(ids, ids, st.sampled_from(values), TIMES, TEXTS), min_size=1, max_size=8)


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "r.csv": lambda frame, path: frame.write_csv(path, quote_style="non_numeric"),
    "r.tsv": lambda frame, path: frame.write_csv(path, separator="\t", quote_style="non_numeric"),
    "r.jsonl": lambda frame, path: frame.write_ndjson(path),
    "r.parquet": lambda frame, path: frame.write_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
@settings(deadline=None, max_examples=40)
@given(rows=ratings(IDS, [0.5, 1.0, 3.5, 5.0]))
def test_ratings_that_any_writer_wrote_are_read_back(name: str, rows: list[Rating]) -> None:
    dataset = DatasetSettings.model_validate(
        {"name": "t", "adapter": "table", "like_threshold": 3, "rating_min": 0.5, "bad_row_limit": 0}
        | {"table": {"interactions": name, "time_unit": "s"}}
    )
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[name](pl.DataFrame(rows, schema=COLUMNS, orient="row"), Path(folder) / name)
        found = read_all(TableReader(), Path(folder), dataset).interactions
    assert found.rows() == [(*row[:4], plain(row[4])) for row in rows]


def plain(text: str) -> str | None:
    return " ".join(text.split()) or None


def csv_of(names: str, rows: list[tuple[object, ...]]) -> bytes:
    frame = pl.DataFrame(rows, schema=names.split(","), orient="row", strict=False)
    return frame.write_csv(quote_style="non_numeric").encode()


def moment(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


# By version: the file with its ratings, how rows are written to it, and the ids that it can hold.
FORMATS: dict[Callable[[], Published], tuple[str, Callable[[list[Rating]], bytes], st.SearchStrategy[str]]] = {
    published.amazon_2014: (
        "reviews_Music_5.json",
        lambda rows: json_lines(
            *(
                {"reviewerID": u, "asin": i, "overall": r, "unixReviewTime": t, "reviewText": x}
                for u, i, r, t, x in rows
            )
        ),
        IDS,
    ),
    published.amazon_2018: (
        "Digital_Music_5.json",
        lambda rows: json_lines(
            *(
                {"reviewText": x, "unixReviewTime": t, "overall": r, "asin": i, "reviewerID": u}
                for u, i, r, t, x in rows
            )
        ),
        IDS,
    ),
    published.amazon_2023: (
        "Video_Games.jsonl",
        lambda rows: json_lines(
            *(
                {"user_id": u, "parent_asin": i, "rating": r, "timestamp": 1000 * t + 7, "title": "", "text": x}
                for u, i, r, t, x in rows
            )
        ),
        IDS,
    ),
    published.yelp: (
        "yelp_academic_dataset_review.json",
        lambda rows: json_lines(
            *({"user_id": u, "business_id": i, "stars": r, "date": moment(t), "text": x} for u, i, r, t, x in rows)
        ),
        IDS,
    ),
    published.anime_2016: (
        "rating.csv",
        lambda rows: csv_of("user_id,anime_id,rating", [(u, i, r) for u, i, r, _, _ in rows]),
        IDS,
    ),
    published.anime_2020: (
        "animelist.csv",
        lambda rows: csv_of("user_id,anime_id,rating,watching_status", [(u, i, r, 2) for u, i, r, _, _ in rows]),
        IDS,
    ),
    published.movielens_csv: (
        "ratings.csv",
        lambda rows: csv_of("userId,movieId,rating,timestamp", [row[:4] for row in rows]),
        IDS,
    ),
    published.movielens_10m: (
        "ratings.dat",
        lambda rows: lines(*(f"{u}::{i}::{r}::{t}" for u, i, r, t, _ in rows)),
        NUMBERS,
    ),
    published.movielens_1m: (
        "ratings.dat",
        lambda rows: lines(*(f"{u}::{i}::{r:g}::{t}" for u, i, r, t, _ in rows)),
        NUMBERS,
    ),
    published.movielens_100k: (
        "u.data",
        lambda rows: lines(*(f"{u}\t{i}\t{r:g}\t{t}" for u, i, r, t, _ in rows)),
        NUMBERS,
    ),
}


@pytest.mark.parametrize("version", FORMATS, ids=[version.__name__ for version in FORMATS])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_ratings_in_a_publishers_format_are_read_back(version: Callable[[], Published], data: st.DataObject) -> None:
    name, write, ids = FORMATS[version]
    rows = data.draw(ratings(ids, [1.0, 2.0, 4.0, 5.0]))
    source = version()
    strict = source.settings.model_copy(update={"bad_row_limit": 0.0})
    with tempfile.TemporaryDirectory() as folder:
        changed = Published(source.version, strict, {**source.files, name: write(rows)})
        found = read_all(ADAPTERS[strict.adapter], changed.write(Path(folder) / "source"), strict)
    assert found.version == source.version
    timed, told = strict.adapter != "anime", strict.adapter in ("amazon", "yelp")
    expected = [(u, i, r, t if timed else None, plain(x) if told else None) for u, i, r, t, x in rows]
    assert found.interactions.rows() == expected


CONTRACTS = {name: contract for name, contract in vars(contracts).items() if isinstance(contract, Contract)}
TYPED: dict[type[pl.DataType], st.SearchStrategy[object]] = {
    pl.Boolean: st.booleans(),
    pl.Float32: st.floats(0.5, 1.0, width=32),
    pl.Int32: st.integers(0, 2**31 - 1),
    pl.Int64: st.integers(0, 2**63 - 1),
    pl.Int8: st.integers(0, 1),
}


def cells(dtype: pl.DataType) -> st.SearchStrategy[object]:
    """Values of a column's type that lie within every range that a contract asks for."""
    if isinstance(dtype, pl.List):
        return st.lists(cells(dtype.inner), max_size=3)  # type: ignore[arg-type]  # an instance
    if isinstance(dtype, pl.Struct):
        return st.fixed_dictionaries({field.name: cells(field.dtype) for field in dtype.fields})  # type: ignore[arg-type]
    if dtype == pl.String:
        return st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
    return TYPED[dtype.base_type()]


@st.composite
def tables_of(draw: st.DrawFn, contract: Contract) -> pl.DataFrame:
    """A table that keeps a contract, sometimes without rows."""
    height = draw(st.integers(0, 6))
    columns = {}
    for name, column in contract.columns.items():
        allowed = [
            check.statistics["allowed_values"] for check in column.checks if "allowed_values" in check.statistics
        ]
        numbered = any("row numbers" in str(check.error) for check in column.checks)
        values = st.sampled_from(sorted(allowed[0])) if allowed else cells(column.dtype.type)
        keyed = name in (contract.unique or ()) or (contract.name == "interactions" and name in ("user_id", "item_id"))
        if numbered:
            columns[name] = list(range(height))
        elif keyed and not allowed:
            small = st.integers(0, 2**31) if column.dtype.type == pl.Int64 else values
            columns[name] = draw(st.lists(small, min_size=height, max_size=height, unique=True))
        else:
            some = st.one_of(st.none(), values) if column.nullable else values
            columns[name] = draw(st.lists(some, min_size=height, max_size=height))
    return pl.DataFrame(columns, schema=polars_schema(contract))


@pytest.mark.parametrize("name", CONTRACTS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_every_table_of_a_run_is_read_back(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    table = data.draw(tables_of(contract))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_table(path, table, contract)
        assert read_table(path, contract).equals(table)


@settings(deadline=None, max_examples=30)
@given(table=tables_of(INTERACTIONS), cut=st.integers(0, 6))
def test_a_table_written_in_parts_is_read_back(table: pl.DataFrame, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "interactions.parquet"
        with publishing_tables() as publication:
            publication.stream(path, (table[:cut], table[cut:]), INTERACTIONS)
        assert read_table(path, INTERACTIONS).equals(table)


@settings(deadline=None, max_examples=20)
@given(words=st.lists(IDS, max_size=5, unique=True), seed=st.integers(0, 99))
def test_vectors_and_checkpoints_are_read_back(words: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(words) + 3, 4)).astype(np.float32)
    items = Vectors(np.array([5, 0, 2]), vectors[len(words) :])
    with tempfile.TemporaryDirectory() as folder:
        write_embeddings(Path(folder) / "e", words, vectors[: len(words)], {"pro": items, "con": items})
        found, keyword_vectors = read_keyword_vectors(Path(folder) / "e")
        of_items = read_item_vectors(Path(folder) / "e", "con", 6)
        save_arrays(Path(folder) / "a.safetensors", {"a": vectors, "b": vectors[0]})
        arrays = load_arrays(Path(folder) / "a.safetensors", {"a": vectors.shape, "b": (4,)})
    assert found == words
    np.testing.assert_array_equal(keyword_vectors, vectors[: len(words)])
    np.testing.assert_array_equal(of_items[items.ids], items.vectors)
    np.testing.assert_array_equal(arrays["a"], vectors)
