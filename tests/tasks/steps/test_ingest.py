from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.contracts import INTERACTIONS, ITEMS, TRUTH, TRUTH_ASPECTS, USERS
from storage.errors import DataError
from storage.run_folder import RunFolder, Split
from storage.settings.datasets import DatasetSettings
from storage.settings.sample import SampleWorldSettings
from storage.tables import read_table
from tasks.steps.ingest import IngestSettings, ingest, source_files
from tasks.truth import load_truth

MUSIC = DatasetSettings(name="music", adapter="amazon", like_threshold=4)
FILMS = DatasetSettings(name="films", adapter="movielens", like_threshold=3, rating_min=0.5)
SAMPLE = DatasetSettings(
    name="sample",
    adapter="sample",
    like_threshold=3,
    sample=SampleWorldSettings(users=30, items=20, ratings_per_user=10),
)


def review(user: str, item: str, time: int, rating: float = 5, text: str = "fine") -> dict[str, object]:
    return {"reviewerID": user, "asin": item, "overall": rating, "unixReviewTime": time, "reviewText": text}


def amazon(folder: Path, reviews: list[dict[str, object]], items: tuple[str, ...] = ()) -> IngestSettings:
    folder.mkdir(parents=True, exist_ok=True)
    known = items or tuple(sorted({str(row["asin"]) for row in reviews}))
    metadata = [{"asin": item, "title": f"Album {item}", "categories": [["Music", item]]} for item in known]
    (folder / "reviews_M_5.json").write_text("\n".join(json.dumps(row) for row in reviews), encoding="utf-8")
    (folder / "meta_M.json").write_text("\n".join(repr(row) for row in metadata), encoding="utf-8")
    return IngestSettings(dataset=MUSIC, source=str(folder))


def ten_each(users: int = 3) -> list[dict[str, object]]:
    return [review(f"u{user}", f"a{item}", item) for user in range(users) for item in range(10)]


def snapshot(folder: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.root.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_tables_keep_their_contracts_and_agree_with_each_other(tmp_path: Path, folder: RunFolder) -> None:
    summary = ingest.function(folder, amazon(tmp_path / "source", ten_each()))
    users, items = read_table(folder.path("users.parquet"), USERS), read_table(folder.path("items.parquet"), ITEMS)
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    assert users["source_id"].to_list() == ["u0", "u1", "u2"]
    assert items["name"].to_list() == [f"Album a{item}" for item in range(10)]
    assert rows.select("user_id", "order").is_sorted("user_id")
    assert rows.filter(user_id=1)["split"].to_list() == ["train"] * 8 + ["validation", "test"]
    assert rows.filter(user_id=1)["item_id"].to_list() == list(range(10))
    assert summary["interactions"] == rows.height == 30
    assert summary["splits"] == {
        "train": {"interactions": 24, "like_rate": 1.0},
        "validation": {"interactions": 3, "like_rate": 1.0},
        "test": {"interactions": 3, "like_rate": 1.0},
    }


def test_likes_start_at_the_threshold(tmp_path: Path, folder: RunFolder) -> None:
    reviews = [review("u", f"a{stars}", stars, stars) for stars in range(1, 6)]
    ingest.function(folder, amazon(tmp_path / "source", reviews))
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    assert rows["like"].to_list() == [False, False, False, True, True]


def test_a_user_with_one_rating_is_dropped_and_counted_and_the_item_stays(tmp_path: Path, folder: RunFolder) -> None:
    summary = ingest.function(folder, amazon(tmp_path / "source", [*ten_each(1), review("single", "rare", 1)]))
    assert (summary["users"], summary["users_dropped"], summary["interactions_dropped"]) == (1, 1, 1)
    assert "rare" in read_table(folder.path("items.parquet"), ITEMS)["source_id"].to_list()


def test_of_a_repeated_pair_the_last_in_time_stays(tmp_path: Path, folder: RunFolder) -> None:
    again = [review("u0", "a3", 50, rating=1, text="changed my mind"), review("u0", "a3", -0, rating=2)]
    summary = ingest.function(folder, amazon(tmp_path / "source", [*ten_each(1), *again]))
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(item_id=3)
    assert summary["repeated_pairs"] == 2
    assert rows.select("rating", "timestamp", "review_text").rows() == [(1.0, 50, "changed my mind")]


def test_an_item_without_metadata_is_named_by_its_id_and_counted(tmp_path: Path, folder: RunFolder) -> None:
    summary = ingest.function(folder, amazon(tmp_path / "source", ten_each(), items=("a0", "a1")))
    items = read_table(folder.path("items.parquet"), ITEMS)
    assert summary["items_without_metadata"] == 8
    assert items.row(5, named=True) == {
        "item_id": 5,
        "source_id": "a5",
        "name": "a5",
        "categories": [],
        "attributes": "",
        "description": "",
    }


def test_skipped_rows_are_listed_in_ingest_json_with_file_and_row(tmp_path: Path, folder: RunFolder) -> None:
    reviews = [review(f"u{user}", f"a{item}", item) for user in range(20) for item in range(10)]
    reviews[57] = review("u5", "a7", 7, rating=11)
    summary = ingest.function(folder, amazon(tmp_path / "source", reviews))
    listed = json.loads(folder.path("ingest.json").read_text(encoding="utf-8"))["skipped"]
    assert summary["rows_skipped"] == 1
    assert listed == [{"file": "reviews_M_5.json", "row": 58, "field": "rating", "reason": "11 is outside 1 to 5"}]


def test_a_dataset_that_is_empty_after_filtering_is_an_error_that_says_why(tmp_path: Path, folder: RunFolder) -> None:
    with pytest.raises(DataError, match=r"not one of 2 users has 5 ratings.*min_ratings"):
        ingest.function(folder, amazon(tmp_path / "source", [review("a", "x", 1), review("b", "x", 1)]))
    assert not folder.root.exists()


@pytest.mark.parametrize("fault", ["bad rows", "full disk"])
def test_a_failing_ingest_leaves_the_tables_of_the_last_one_whole(
    tmp_path: Path, folder: RunFolder, full_disk: Callable[[str], None], fault: str
) -> None:
    ingest.function(folder, amazon(tmp_path / "source", ten_each()))
    before = snapshot(folder)
    reviews = ten_each(4)
    if fault == "bad rows":
        reviews[1]["overall"] = "NaN"
        reviews[2]["overall"] = 99
    else:
        full_disk("items.parquet")
    with pytest.raises(DataError, match="row 2" if fault == "bad rows" else "no space left on the disk"):
        ingest.function(folder, amazon(tmp_path / "source", reviews))
    assert snapshot(folder) == before


@pytest.mark.parametrize(("split", "train_items"), [("tail", 16), ("loo", 18), ("time", 16)])
def test_words_of_held_out_rows_stay_out_of_the_item_table(
    tmp_path: Path, folder: RunFolder, split: Split, train_items: int
) -> None:
    marker = "zzqleakzz"
    tags, ratings = ["userId,movieId,tag,timestamp"], ["userId,movieId,rating,timestamp"]
    for user in range(1, 9):
        for item in range(1, 21):
            time = 1000 * item + user
            ratings.append(f"{user},{item},4.0,{time}")
            tags.append(f"{user},{item},{marker if item > train_items else 'early'},{time}")
    source = tmp_path / "source"
    source.mkdir()
    (source / "ratings.csv").write_text("\n".join(ratings), encoding="utf-8")
    (source / "tags.csv").write_text("\n".join(tags), encoding="utf-8")
    films = "\n".join(f"{item},Film {item} (1999),Drama" for item in range(1, 21))
    (source / "movies.csv").write_text(f"movieId,title,genres\n{films}\n", encoding="utf-8")
    dataset = FILMS.model_copy(update={"split": split})
    ingest.function(folder, IngestSettings(dataset=dataset, source=str(source)))
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    items = read_table(folder.path("items.parquet"), ITEMS)
    assert rows.filter(split="train")["item_id"].n_unique() == train_items
    assert items.filter(pl.col("attributes").str.contains("Tags: early")).height == train_items
    assert marker not in str(items.rows())


def test_reviews_of_held_out_rows_stay_out_of_the_item_table(tmp_path: Path, folder: RunFolder) -> None:
    reviews = [row | ({"reviewText": "zzqleakzz"} if row["asin"] in ("a8", "a9") else {}) for row in ten_each()]
    ingest.function(folder, amazon(tmp_path / "source", reviews))
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    assert set(rows.filter(pl.col("review_text") == "zzqleakzz")["split"]) == {"validation", "test"}
    assert "zzqleakzz" not in str(read_table(folder.path("items.parquet"), ITEMS).rows())


def test_the_eight_most_frequent_tags_become_attributes(tmp_path: Path, folder: RunFolder) -> None:
    source = tmp_path / "source"
    source.mkdir()
    ratings = [f"{user},{item},4.0,{item}" for user in (1, 2) for item in range(1, 8)]
    tags = [f"1,1,tag{n},5" for n in range(9)] + ["2,1,Tag8,5"]
    (source / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *ratings]), encoding="utf-8")
    (source / "tags.csv").write_text("\n".join(["userId,movieId,tag,timestamp", *tags]), encoding="utf-8")
    (source / "movies.csv").write_text("movieId,title,genres\n1,First (1990),Drama\n", encoding="utf-8")
    ingest.function(folder, IngestSettings(dataset=FILMS, source=str(source)))
    items = read_table(folder.path("items.parquet"), ITEMS)
    assert items["attributes"][0] == "Year: 1990. Tags: tag8, tag0, tag1, tag2, tag3, tag4, tag5, tag6."


def test_the_sample_needs_no_files_and_brings_its_truth(folder: RunFolder) -> None:
    settings = IngestSettings(dataset=SAMPLE)
    assert source_files(settings) == []
    ingest.function(folder, settings)
    users, items = read_table(folder.path("users.parquet"), USERS), read_table(folder.path("items.parquet"), ITEMS)
    truth = read_table(folder.path("truth.parquet"), TRUTH)
    assert truth.height == truth.select("user_id", "item_id").n_unique() == users.height * items.height
    aspects = read_table(folder.path("truth_aspects.parquet"), TRUTH_ASPECTS)
    assert aspects["item_id"].max() == items.height - 1


def test_the_truth_of_a_bored_world_knows_how_much_boredom_takes(folder: RunFolder) -> None:
    bored = SAMPLE.sample.model_copy(update={"boredom": 2.6, "boredom_memory": 3, "noise": 1.3})
    for sample in (bored, SAMPLE.sample):
        ingest.function(folder, IngestSettings(dataset=SAMPLE.model_copy(update={"sample": sample})))
        counts = (
            read_table(folder.path(f"{name}.parquet"), contract).height
            for name, contract in (("users", USERS), ("items", ITEMS))
        )
        truth = load_truth(folder, *counts)
        assert truth is not None
        if sample is bored:
            assert truth.boredom is not None
            assert (truth.boredom.loss, truth.memory) == (pytest.approx(2.0), 3)
        else:
            assert truth.boredom is None


def test_equal_settings_publish_equal_bytes(tmp_path: Path) -> None:
    folders = [RunFolder(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        ingest.function(folder, IngestSettings(dataset=SAMPLE))
    assert snapshot(folders[0]) == snapshot(folders[1])


def test_source_files_are_those_that_are_read(tmp_path: Path) -> None:
    settings = amazon(tmp_path / "source", ten_each())
    (tmp_path / "source" / "README.txt").write_text("terms", encoding="utf-8")
    assert [path.name for path in source_files(settings)] == ["reviews_M_5.json", "meta_M.json"]


def test_digital_music_ingests_whole(shared_dataset: Callable[[str], Path], folder: RunFolder) -> None:
    source = shared_dataset("amazon-digital-music")
    summary = ingest.function(folder, IngestSettings(dataset=MUSIC, source=str(source)))
    assert {name: summary[name] for name in ("rows_read", "rows_skipped", "users", "items", "interactions")} == {
        "rows_read": 6908,
        "rows_skipped": 0,
        "users": 329,
        "items": 382,
        "interactions": 3177,
    }
    assert (summary["users_dropped"], summary["items_without_metadata"]) == (2161, 0)
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    test = rows.filter(split="test")
    assert test.height == 376
    assert (test["rating"].to_numpy() >= 3).mean() > 0.96  # why its likes start at 4


def test_movielens_ingests_whole(shared_dataset: Callable[[str], Path], folder: RunFolder) -> None:
    source = shared_dataset("movielens-latest-small")
    summary = ingest.function(folder, IngestSettings(dataset=FILMS, source=str(source)))
    assert {name: summary[name] for name in ("rows_read", "users", "items", "interactions", "users_dropped")} == {
        "rows_read": 100_836,
        "users": 610,
        "items": 9724,
        "interactions": 100_836,
        "users_dropped": 0,
    }
    items = read_table(folder.path("items.parquet"), ITEMS)
    assert re.search("Tags: .*pixar", items.filter(source_id="1")["attributes"][0])


def test_an_error_in_a_packed_file_names_the_file_as_published(tmp_path: Path, folder: RunFolder) -> None:
    settings = amazon(tmp_path / "source", [*ten_each(1), *(review("u", f"x{n}", 1, rating=9) for n in range(5))])
    plain = tmp_path / "source" / "reviews_M_5.json"
    packed = plain.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    with pytest.raises(DataError) as caught:
        ingest.function(folder, settings)
    assert (caught.value.file, caught.value.row, caught.value.field) == (packed, 11, "rating")
    assert list(tmp_path.iterdir()) == [tmp_path / "source"], "no scratch folder stays"


def test_repeated_pairs_keep_the_last_before_the_cut(tmp_path: Path, folder: RunFolder) -> None:
    rows = [review(f"u{user}", f"a{item}", 100 * item + user) for user in range(5) for item in range(20)]
    again = [review("u0", "a1", 250, rating=1), review("u0", "a1", 1950, rating=2), review("u0", "a2", 150, rating=3)]
    settings = amazon(tmp_path / "source", [*rows, *again])
    time = settings.model_copy(update={"dataset": settings.dataset.model_copy(update={"split": "time"})})
    ingest.function(folder, time)
    kept = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(user_id=0)
    items = read_table(folder.path("items.parquet"), ITEMS).select("item_id", "source_id")
    by_item = {row["source_id"]: row for row in kept.join(items, on="item_id").iter_rows(named=True)}
    assert (by_item["a1"]["rating"], by_item["a1"]["split"]) == (1.0, "train"), "not the opinion of after the cut"
    assert by_item["a2"]["rating"] == 5.0


def test_items_of_a_core_have_enough_ratings_too(tmp_path: Path, folder: RunFolder) -> None:
    rows = [review(f"u{user}", f"a{item}", item) for user in range(6) for item in range(7)]
    rare = [review("u0", "rare", 90), *(review("u7", f"a{item}", item) for item in range(4)), review("u7", "rare", 9)]
    settings = amazon(tmp_path / "source", [*rows, *rare])
    core = settings.dataset.model_copy(update={"core": "users_and_items"})
    summary = ingest.function(folder, settings.model_copy(update={"dataset": core}))
    items = read_table(folder.path("items.parquet"), ITEMS)["source_id"].to_list()
    assert (summary["users"], summary["items_dropped"], "rare" in items) == (6, 1, False)
