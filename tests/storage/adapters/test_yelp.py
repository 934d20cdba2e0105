from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.adapters.yelp import YelpReader
from storage.errors import DataError
from tests.support.published import Published, yelp
from tests.support.readings import Reading, read_all

BUSINESS = "yelp_academic_dataset_business.json"


def read(
    folder: Path, published: Published | None = None, filters: dict[str, tuple[str, ...]] | None = None
) -> Reading:
    published = published or yelp()
    settings = published.settings.model_copy(update={"filters": filters or {}})
    return read_all(YelpReader(), published.write(folder / "source"), settings)


def with_places(**change: object) -> Published:
    published = yelp()
    places = [json.loads(line) | change for line in published.files[BUSINESS].decode().splitlines()]
    content = "".join(json.dumps(place) + "\n" for place in places).encode()
    return Published(published.version, published.settings, {**published.files, BUSINESS: content})


def test_a_review_becomes_an_interaction(tmp_path: Path) -> None:
    assert read(tmp_path).interactions.row(0, named=True) == {
        "user_id": "u0",
        "item_id": "i1",
        "rating": 4.0,
        "timestamp": 1_399_975_260,
        "review_text": 'Place 1. Two "waffles".',
    }


def test_a_place_tells_its_town_and_what_is_true_of_it_and_no_stars(tmp_path: Path) -> None:
    items = read(tmp_path).items
    assert items.row(1, named=True) == {
        "item_id": "i1",
        "name": "Café i1",
        "categories": ["Restaurants", "Waffles"],
        "attributes": "In: St. Louis, MO. Features: Outdoor Seating, Wi Fi free.",
        "description": "",
    }
    assert items["categories"][6].to_list() == []


@pytest.mark.parametrize("attributes", [None, {}, {"WiFi": "None"}, {"BusinessParking": "{'garage': False}"}, "text"])
def test_a_place_may_have_no_attributes_to_tell(tmp_path: Path, attributes: object) -> None:
    assert read(tmp_path, with_places(attributes=attributes)).items["attributes"][1] == "In: St. Louis, MO."


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({"state": ("MO",)}, ["i1", "i3", "i5"]),
        ({"state": ("mo", "NV")}, ["i0", "i1", "i2", "i3", "i4", "i5", "i6"]),
        ({"city": ("reno",)}, ["i0", "i2", "i4", "i6"]),
        ({"categories": ("waffles",)}, ["i0", "i1", "i2", "i3", "i4", "i5"]),
        ({"state": ("NV",), "categories": ("Waffles",)}, ["i0", "i2", "i4"]),
    ],
)
def test_filters_keep_the_reviews_of_places_that_pass(
    tmp_path: Path, filters: dict[str, tuple[str, ...]], places: list[str]
) -> None:
    raw = read(tmp_path, filters=filters)
    assert raw.items["item_id"].sort().to_list() == places
    assert raw.interactions["item_id"].unique().sort().to_list() == places
    assert raw.rows_read == raw.interactions.height


def test_a_filter_that_no_place_passes_or_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not one of 7 places passes the filter state: Missouri.*two letters"):
        read(tmp_path / "one", filters={"state": ("Missouri",)})
    with pytest.raises(DataError, match=r"unknown filter 'country'.*state, city, categories"):
        read(tmp_path / "two", filters={"country": ("US",)})


def test_a_line_that_is_no_review_is_counted_also_under_a_filter(tmp_path: Path) -> None:
    published = yelp()
    name = "yelp_academic_dataset_review.json"
    files = {**published.files, name: b'{"review_id": \n' + published.files[name]}
    settings = published.settings.model_copy(update={"bad_row_limit": 0.2})
    raw = read(tmp_path, Published("", settings, files), filters={"state": ("MO",)})
    assert (raw.skipped_count, raw.skipped[0].row) == (1, 1)


def test_places_that_are_none_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"business\.json.*7 of 7 lines are malformed"):
        read(tmp_path, with_places(business_id=None))
