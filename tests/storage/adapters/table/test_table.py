from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.adapters.table.own_tables import infer_table
from storage.adapters.table.table import TableReader
from storage.errors import DataError
from storage.settings.datasets import DatasetSettings
from tests.support.readings import Reading, read_all

ROWS = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "rating": [4.5, 2.0], "timestamp": [100, 200]})
THINGS = pl.DataFrame({"item_id": ["x", "y"], "name": ["One", "Two"], "categories": ["red|blue", None]})


def read(folder: Path, **table: object) -> Reading:
    settings = DatasetSettings.model_validate(
        {"name": "t", "adapter": "table", "like_threshold": 3, "table": {"interactions": "r.csv", **table}}
    )
    return read_all(TableReader(), folder, settings)


def of_things(folder: Path, things: pl.DataFrame, **table: object) -> pl.DataFrame:
    ROWS.write_csv(folder / "r.csv")
    things.write_csv(folder / "items.csv")
    return read(folder, items="items.csv", **table).items


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.txt", "r.jsonl", "r.ndjson", "r.parquet"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_reads_alike(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        ROWS.write_parquet(path)
    elif name.endswith("json") or name.endswith("jsonl"):
        ROWS.write_ndjson(path)
    else:
        ROWS.write_csv(path, separator={"r.csv": ",", "r.tsv": "\t", "r.txt": ";"}[name])
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    rows = read(tmp_path, interactions=name).interactions
    assert rows.drop("review_text").rows() == [("a", "x", 4.5, 100), ("b", "y", 2.0, 200)]


def test_without_an_items_file_there_are_no_facts(tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "r.csv")
    assert read(tmp_path).items.height == 0


def test_columns_are_told_by_usual_names_or_by_a_mapping(tmp_path: Path) -> None:
    pl.DataFrame({"Reviewer ID": ["a"], "ASIN": ["x"], "Stars": [5], "other": [1]}).write_csv(tmp_path / "r.csv")
    assert read(tmp_path).interactions["rating"].to_list() == [5]
    assert read(tmp_path, columns={"rating": "other"}).interactions["rating"].to_list() == [1]
    with pytest.raises(DataError, match=r"field 'stars': there is no such column; there are: Reviewer ID, ASIN"):
        read(tmp_path, columns={"rating": "stars"})


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("red|blue", "|"),
        ("red; blue", ";"),
        ("red, blue", ","),
        ('["red", "blue"]', "json"),
        ("['red', 'blue']", "json"),
    ],
)
def test_lists_are_told_by_their_form(tmp_path: Path, cell: str, form: str) -> None:
    things = THINGS.with_columns(categories=pl.lit(cell))
    assert of_things(tmp_path, things)["categories"].to_list() == [["red", "blue"]] * 2
    assert of_things(tmp_path, things, list_form=form)["categories"].to_list() == [["red", "blue"]] * 2


def test_sums_over_users_are_left_out_and_the_rest_are_attributes(tmp_path: Path) -> None:
    sums = {"avg_rating": 4.321, "num_reviews": 98, "popularity": 7, "maker{}": "Trio"}
    items = of_things(tmp_path, THINGS.with_columns(**{name: pl.lit(value) for name, value in sums.items()}))
    assert items["attributes"].to_list() == ["Maker{}: Trio."] * 2


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([1_400_000_000], "s"),
        ([1_400_000_000_000], "ms"),
        ([1_400_000_000_000_000], "us"),
        ([1_400_000_000_000_000_000], "ns"),
        (["2014-05-13T16:53:20Z"], "iso"),
        (["2014-05-13 18:53:20+02:00"], "iso"),
    ],
)
def test_time_units_are_told_by_size(tmp_path: Path, values: list[object], unit: str) -> None:
    ROWS.head(1).with_columns(timestamp=pl.Series(values)).write_csv(tmp_path / "r.csv")
    assert read(tmp_path).interactions["timestamp"].to_list() == [1_400_000_000]
    assert read(tmp_path, time_unit=unit).interactions["timestamp"].to_list() == [1_400_000_000]


def test_parquet_lists_are_categories_and_lists_of_ids_are_an_error(tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "r.csv")
    THINGS.with_columns(categories=pl.lit(["red", "blue"])).write_parquet(tmp_path / "items.parquet")
    assert read(tmp_path, items="items.parquet").items["categories"].to_list() == [["red", "blue"]] * 2
    ROWS.with_columns(pl.concat_list("user_id")).write_parquet(tmp_path / "r.parquet")
    with pytest.raises(DataError, match=r"r\.parquet, field 'user_id': the column holds lists"):
        read(tmp_path, interactions="r.parquet")


def test_two_packed_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    for folder, frame in {"ratings": ROWS, "items": THINGS}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data.csv.gz").write_bytes(gzip.compress(frame.write_csv().encode()))
    paths = {"interactions": "ratings", "items": "items"}
    raw = read(tmp_path, **{role: str(tmp_path / name / "data.csv.gz") for role, name in paths.items()})
    assert (raw.interactions.height, raw.items["name"].to_list()) == (2, ["One", "Two"])


def test_a_number_that_no_character_has_does_not_end_the_reading(tmp_path: Path) -> None:
    text = "&#" + "9" * 5000 + "; fine"
    (tmp_path / "r.jsonl").write_text(json.dumps({"user": "a", "item": "x", "rating": 3, "text": text}))
    assert read(tmp_path, interactions="r.jsonl").interactions["review_text"][0].endswith("fine")


def test_minus_one_beside_a_scale_is_no_rating_unless_said_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("user_id,item_id,rating\n" + "".join(f"u{n},i{n},{n % 5 or -1}\n" for n in range(20)))
    table = {"interactions": str(file)}
    inferred = infer_table("shop", table, {}).settings
    assert (inferred.table.unrated, inferred.rating_min, inferred.rating_max) == (-1, 1, 5)
    with_them = infer_table("shop", table, {"rating_min": -1.0}).settings
    assert (with_them.table.unrated, with_them.rating_min) == (None, -1)
    kept = [
        sum(batch.height for batch in TableReader().read(None, settings, tmp_path).ratings)
        for settings in (inferred, with_them)
    ]
    assert kept == [16, 20]


def test_the_real_games_are_read_whole(shared_dataset: Callable[[str], Path]) -> None:
    settings = DatasetSettings.model_validate(
        {
            **{"name": "games", "adapter": "table", "like_threshold": 6, "rating_min": 0, "rating_max": 10},
            "table": {"interactions": "ratings.csv", "items": "items.csv"},
        }
    )
    raw = read_all(TableReader(), shared_dataset("metacritic-games"), settings)
    assert (raw.rows_read, raw.skipped_count, raw.items.height) == (48_041, 0, 6_772)
