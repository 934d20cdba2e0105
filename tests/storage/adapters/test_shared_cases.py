"""The small files of ../shared/cases, each with the trait of a real one: what is read equals what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.adapters.table.own_tables import infer_table
from tasks.report.dataset_preview import DatasetPreview, preview
from tasks.steps.ingest import IngestSettings

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")


def shown(folder: Path, interactions: str, items: str | None = None) -> DatasetPreview:
    table = {
        "interactions": str(CASES / interactions),
        "items": None if items is None else str((CASES / interactions).parent / items),
    }
    return preview(IngestSettings(dataset=infer_table("case", table, {}).settings), 10_000, folder)


def test_zeros_that_stand_for_no_rating(tmp_path: Path) -> None:
    read = shown(tmp_path, "01-zero-unrated/ratings.csv")
    assert read.rows == 20
    assert {row.rating for row in read.interactions} <= set(range(5, 11))


@pytest.mark.parametrize("name", ["a.tsv", "b.tsv", "c.tsv"])
def test_stray_quotes(tmp_path: Path, name: str) -> None:
    read = shown(tmp_path, f"02-tsv-stray-quotes/{name}", "items.tsv")
    assert read.rows == 48
    assert all("\t" not in (row.review_text or "") for row in read.interactions)
    assert read.items[1].name == '"Quoted start'


def test_aggregates_ids_and_links_are_no_attributes(tmp_path: Path) -> None:
    read = shown(tmp_path, "03-goodbooks-aggregates/ratings.csv", "books.csv")
    assert read.items[0].attributes == "Authors: Ann Writer. Original publication year: 1950."


def test_genres_as_lists_of_records(tmp_path: Path) -> None:
    read = shown(tmp_path, "04-genres-list-of-dicts/ratings.csv", "films.csv")
    assert [item.categories for item in read.items[:2]] == [["Cartoon", "Fun"], ["Drama"]]


def test_keys_that_come_late(tmp_path: Path) -> None:
    read = shown(tmp_path, "06-jsonl-late-keys/log.jsonl")
    assert read.rows == 160
    assert [row.timestamp is None for row in read.interactions] == [True] * 110 + [False] * 50


@pytest.mark.parametrize(
    ("name", "threshold"), [("m1", 0.2), ("m2", 0.4), ("s20", 12), ("s3", 3), ("ten", 6), ("zeroone", 1)]
)
def test_thresholds(tmp_path: Path, name: str, threshold: float) -> None:
    assert shown(tmp_path, f"07-scales/{name}.csv").like_threshold == pytest.approx(threshold)


@pytest.mark.parametrize("name", ["ten", "frac", "jester"])
def test_no_extreme_of_a_continuous_scale_is_malformed(tmp_path: Path, name: str) -> None:
    lines = (CASES / f"07-scales/{name}.csv").read_text(encoding="utf-8").splitlines()
    assert shown(tmp_path, f"07-scales/{name}.csv").rows == len(lines) - 1


@pytest.mark.parametrize("name", ["ratings.csv", "plain.csv"])
def test_blanks_after_commas(tmp_path: Path, name: str) -> None:
    read = shown(tmp_path, f"08-blank-after-comma/{name}", "items.csv")
    assert (read.rows, read.items[0].name, read.items[0].categories) == (48, "Box, large 0", ["Toys", "Games"])


def test_days_as_numbers(tmp_path: Path) -> None:
    assert shown(tmp_path, "09-yyyymmdd/ratings.csv").interactions[0].timestamp == "2018-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("name", "items"),
    [("11-float-ids/ratings.csv", "items.csv"), ("17-parquet-types/floatids.parquet", "items.parquet")],
)
def test_ids_as_fractions(tmp_path: Path, name: str, items: str) -> None:
    assert [(item.item_id, item.name) for item in shown(tmp_path, name, items).items[:2]] == [
        ("0", "Thing 0"),
        ("1", "Thing 1"),
    ]


def test_items_by_the_key_id(tmp_path: Path) -> None:
    assert shown(tmp_path, "15-items-id/ratings.csv", "films.csv").items[0].name == "Film i0"


def test_parquet_of_bytes(tmp_path: Path) -> None:
    assert shown(tmp_path, "17-parquet-types/binary.parquet").interactions[0].user_id == "u0"


@pytest.mark.parametrize(
    ("name", "first"),
    [("bool.csv", 1), ("bool.jsonl", 1), ("frac.csv", 3), ("out.csv", 3), ("stars.csv", 5)],
)
def test_ratings_as_text(tmp_path: Path, name: str, first: float) -> None:
    read = shown(tmp_path, f"24-text-ratings/{name}")
    assert (read.rows, read.interactions[0].rating) == (48, first)


def test_words_for_nothing(tmp_path: Path) -> None:
    items = shown(tmp_path, "27-null-texts/ratings.csv", "items.csv").items
    assert [(item.name, item.categories) for item in items[:3]] == [("i0", []), ("i1", []), ("Good", ["Rock"])]


def test_users_of_21_digits(tmp_path: Path) -> None:
    assert len({row.user_id for row in shown(tmp_path, "38-json-big-ids/log.jsonl").interactions}) == 3
