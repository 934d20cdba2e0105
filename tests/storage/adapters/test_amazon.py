from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.adapters.amazon import AmazonReader
from storage.errors import DataError
from storage.settings.datasets import DatasetSettings
from tests.support.readings import Reading, read_all

SETTINGS = DatasetSettings(name="music", adapter="amazon", like_threshold=4, bad_row_limit=0.5)
STRICT = SETTINGS.model_copy(update={"bad_row_limit": 0.01})
REVIEW = {
    "reviewerID": "U1",
    "asin": "A1",
    "overall": 5.0,
    "unixReviewTime": 1158019200,
    "summary": "Lovely &amp; calm",
    "reviewText": "I <b>liked</b> it.\n\nTwice.",
}
META = {
    "asin": "A1",
    "title": "Blue &quot;Notes&quot;",
    "brand": "Trio",
    "price": 9.5,
    "description": "Soft.<br />Slow.",
    "categories": [["CDs & Vinyl", "Jazz", "Cool"], ["CDs & Vinyl", "Jazz"]],
    "salesRank": {"Music": 3},
    "related": {"also_bought": ["A2"]},
}
OTHER = {"asin": "A2", "categories": [["CDs & Vinyl", "Rock"]]}


def write(folder: Path, reviews: list[object], metadata: list[object]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in reviews]
    (folder / "reviews_Digital_Music_5.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    literals = [row if isinstance(row, str) else repr(row) for row in metadata]
    (folder / "meta_Digital_Music.json").write_text("\n".join(literals) + "\n", encoding="utf-8")
    return folder


def read(folder: Path, settings: DatasetSettings = SETTINGS) -> Reading:
    return read_all(AmazonReader(), folder, settings)


def test_a_review_becomes_an_interaction_with_clean_text(tmp_path: Path) -> None:
    raw = read(write(tmp_path, [REVIEW], [META, OTHER]))
    assert raw.interactions.to_dicts() == [
        {
            "user_id": "U1",
            "item_id": "A1",
            "rating": 5.0,
            "timestamp": 1158019200,
            "review_text": "Lovely & calm. I liked it. Twice.",
        }
    ]


def test_metadata_keeps_facts_of_the_item_and_no_aggregate_over_users(tmp_path: Path) -> None:
    raw = read(write(tmp_path, [REVIEW], [META, OTHER]))
    item = raw.items.with_columns(pl.col("categories").list.sort()).row(0, named=True)
    assert raw.version == "Amazon reviews 2014"
    assert item == {
        "item_id": "A1",
        "name": 'Blue "Notes"',
        "categories": ["CDs & Vinyl", "Cool", "Jazz"],
        "attributes": "By: Trio. Price: $9.50.",
        "description": "Soft. Slow.",
    }


def test_gzip_files_are_read_like_plain_ones(tmp_path: Path) -> None:
    plain = read(write(tmp_path, [REVIEW], [META, OTHER]))
    for path in list(tmp_path.iterdir()):
        with gzip.open(path.with_suffix(".json.gz"), "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    packed = read(tmp_path)
    assert packed.interactions.equals(plain.interactions)
    assert packed.items.equals(plain.items)


def test_metadata_is_never_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    attack = f"{{'asin': 'A2', 'title': __import__('pathlib').Path({str(mark)!r}).touch()}}"
    with pytest.raises(DataError, match="row 2, field 'asin'"):
        read(write(tmp_path, [REVIEW], [META, attack]), STRICT)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ('{"reviewerID": "U1", "asin":', "row", "not readable"),
        (REVIEW | {"overall": 7.0}, "rating", "7.0 is outside 1 to 5"),
        (json.dumps(REVIEW).replace("5.0", '"NaN"'), "rating", "NaN is not a number"),
        (REVIEW | {"overall": "good"}, "rating", "good is not a number"),
        (REVIEW | {"reviewerID": ""}, "user_id", "missing"),
        ({k: v for k, v in REVIEW.items() if k != "asin"}, "item_id", "missing"),
        (REVIEW | {"unixReviewTime": "yesterday"}, "timestamp", "yesterday is not"),
    ],
)
def test_a_malformed_row_is_skipped_and_listed_and_over_the_limit_an_error(
    tmp_path: Path, row: object, field: str, reason: str
) -> None:
    folder = write(tmp_path, [REVIEW, row, REVIEW | {"reviewerID": "U2"}], [META, OTHER])
    raw = read(folder)
    (skipped,) = raw.skipped
    assert (raw.rows_read, raw.skipped_count, raw.interactions["user_id"].to_list()) == (3, 1, ["U1", "U2"])
    assert (skipped.file, skipped.row, skipped.field) == ("reviews_Digital_Music_5.json", 2, field)
    assert reason in skipped.reason
    with pytest.raises(DataError, match=r"1 of 3 rows are malformed.*bad_row_limit") as caught:
        read(folder, STRICT)
    assert (caught.value.row, caught.value.field) == (2, field)


def test_a_truncated_gzip_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, [REVIEW] * 200, [META, OTHER])
    path = tmp_path / "reviews_Digital_Music_5.json"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_suffix(".json.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"reviews_Digital_Music_5\.json\.gz: truncated"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"user,item,rating\n1,2,3\n", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", b""])
def test_a_reviews_file_of_another_format_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, [REVIEW], [META, OTHER])
    (tmp_path / "reviews_Digital_Music_5.json").write_bytes(content)
    with pytest.raises(DataError, match=r"reviews_Digital_Music_5\.json"):
        read(tmp_path)


def test_files_that_are_missing_or_several_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one file meta_\*.json.*found none"):
        read(tmp_path)
    write(tmp_path, [REVIEW], [META])
    (tmp_path / "meta_Books.json").write_text(repr(META), encoding="utf-8")
    with pytest.raises(DataError, match=r"meta_Books.json, meta_Digital_Music.json"):
        read(tmp_path)


def test_a_missing_source_tells_where_files_come_from(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"origin": "Files: from the publisher."})
    with pytest.raises(DataError, match=r"no source was given.*Files: from the publisher"):
        AmazonReader().files(None, settings)
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        AmazonReader().files(tmp_path / "nowhere", settings)


def test_the_real_digital_music_files_are_read_whole(shared_dataset: Callable[[str], Path]) -> None:
    raw = read(shared_dataset("amazon-digital-music"), STRICT)
    assert (raw.rows_read, raw.skipped_count, raw.items.height) == (6908, 0, 382)
    assert raw.interactions["review_text"].null_count() == 0
    assert not raw.interactions["review_text"].str.contains("&(amp|quot|#34);").any()
