from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.adapters.amazon import AmazonReader
from storage.errors import DataError
from tests.support.published import Published, amazon_2014, amazon_2018, amazon_2023
from tests.support.readings import Reading, read_all


def changed(published: Published, name: str, change: Callable[[dict[str, object]], object]) -> Published:
    """The same with every record of one file changed."""
    records = [json.loads(line) for line in published.files[name].decode().splitlines()]
    content = "".join(json.dumps(change(record)) + "\n" for record in records).encode()
    return Published(published.version, published.settings, {**published.files, name: content})


def read(published: Published, folder: Path) -> Reading:
    return read_all(AmazonReader(), published.write(folder), published.settings)


def test_a_review_of_2018_becomes_an_interaction(tmp_path: Path) -> None:
    rows = read(amazon_2018(), tmp_path / "source").interactions
    assert rows.row(0, named=True) == {
        "user_id": "u0",
        "item_id": "i1",
        "rating": 4.0,
        "timestamp": 1_400_000_010,
        "review_text": "Fine. Song 1 and more.",
    }


def test_lists_of_2018_become_categories_and_one_description_without_markup(tmp_path: Path) -> None:
    assert read(amazon_2018(), tmp_path / "source").items.row(0, named=True) == {
        "item_id": "i0",
        "name": 'Album i0 "Live"',
        "categories": ["Digital Music", "Rock", "Imported & rare"],
        "attributes": "By: Trio. Price: $12.99.",
        "description": "Soft. Slow. Recorded at night . Two discs Booklet",
    }


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("$12.99", "By: Trio. Price: $12.99."),
        ("$1,299.00", "By: Trio. Price: $1299.00."),
        ("from 7.50", "By: Trio. Price: $7.50."),
        ("$5.00 - $9.00", "By: Trio. Price: $5.00."),
        ("", "By: Trio."),
        (".a-box-inner{font-size:12px}", "By: Trio."),
        (None, "By: Trio."),
    ],
)
def test_a_price_is_told_where_it_is_one(tmp_path: Path, price: str | None, told: str) -> None:
    published = changed(amazon_2018(), "meta_Digital_Music.json", lambda record: record | {"price": price})
    assert read(published, tmp_path / "source").items["attributes"][0] == told


def test_facts_of_2018_may_be_missing_or_single_texts(tmp_path: Path) -> None:
    few = ("asin", "description", "category")
    published = changed(
        amazon_2018(),
        "meta_Digital_Music.json",
        lambda record: {name: value for name, value in record.items() if name in few} | {"description": "One text."},
    )
    item = read(published, tmp_path / "source").items.row(0, named=True)
    assert (item["name"], item["attributes"], item["description"]) == (None, "", "One text.")


def test_a_review_of_2023_counts_for_the_parent_at_its_second(tmp_path: Path) -> None:
    assert read(amazon_2023(), tmp_path / "source").interactions.row(0, named=True) == {
        "user_id": "u0",
        "item_id": "i1",
        "rating": 4.0,
        "timestamp": 1_400_000_010,
        "review_text": "Fine. Game 1 and more.",
    }


def test_metadata_of_2023_tells_store_price_and_features_and_no_average(tmp_path: Path) -> None:
    raw = read(amazon_2023(), tmp_path / "source")
    assert raw.items.row(1, named=True) == {
        "item_id": "i1",
        "name": "Game i1",
        "categories": ["Video Games", "Racing"],
        "attributes": "By: Trio. Price: $19.99.",
        "description": "You race. Fast Two players",
    }
    assert raw.items["attributes"][0] == "By: Trio."  # its price is null


def test_2014_and_2018_are_told_apart_by_their_metadata(tmp_path: Path) -> None:
    old, new = amazon_2014(), amazon_2018()
    renamed = {
        "reviews_Music_5.json": old.files["reviews_Music_5.json"],
        "meta_Music.json": new.files["meta_Digital_Music.json"],
    }
    assert read(Published("", old.settings, renamed), tmp_path / "one").version == "Amazon reviews 2018"
    assert read(old, tmp_path / "two").version == "Amazon reviews 2014"


def test_metadata_of_another_year_is_named(tmp_path: Path) -> None:
    published = amazon_2023()
    files = {**published.files, "meta_Video_Games.jsonl": amazon_2018().files["meta_Digital_Music.json"]}
    with pytest.raises(DataError, match=r"meta_Video_Games\.jsonl.*parent_asin; 7 of 7 lines.*same year"):
        read(Published("", published.settings, files), tmp_path / "source")
