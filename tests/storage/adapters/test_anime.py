from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.adapters.anime import AnimeReader
from storage.errors import DataError
from tests.support.published import PAIRS, Published, anime_2016, anime_2020, lines
from tests.support.readings import Reading, read_all


def read(published: Published, folder: Path) -> Reading:
    return read_all(AnimeReader(), published.write(folder / "source"), published.settings)


def with_files(published: Published, **changes: bytes | None) -> Published:
    files = {**published.files, **{f"{name}.csv": content for name, content in changes.items()}}
    return Published("", published.settings, {name: content for name, content in files.items() if content is not None})


@pytest.mark.parametrize("published", [anime_2016(), anime_2020()], ids=["2016", "2020"])
def test_titles_without_a_score_are_no_ratings_and_no_bad_rows(tmp_path: Path, published: Published) -> None:
    raw = read(published, tmp_path)
    assert (raw.rows_read, raw.skipped_count) == (len(PAIRS), 0)
    assert raw.interactions["rating"].min() == 2
    assert raw.interactions["timestamp"].null_count() == len(PAIRS)


def test_2016_tells_genres_type_and_episodes(tmp_path: Path) -> None:
    assert read(anime_2016(), tmp_path).items.row(0, named=True) == {
        "item_id": "1",
        "name": "Title 1, the first",
        "categories": ["Action", "Drama"],
        "attributes": "Type: TV. Episodes: 26.",
        "description": "",
    }


def test_2020_tells_more_leaves_out_unknown_and_takes_the_synopsis_of_the_other_file(tmp_path: Path) -> None:
    assert read(anime_2020(), tmp_path).items.row(0, named=True) == {
        "item_id": "1",
        "name": "Title 1",
        "categories": ["Action", "Drama"],
        "attributes": "Type: TV. Episodes: 26. Source: Original. Studios: Sunrise. Aired: Spring 1998.",
        "description": 'Ship 1, its "crew" and space.',
    }


def test_unknown_is_nothing_to_tell(tmp_path: Path) -> None:
    titles = lines(
        "anime_id,name,genre,type,episodes,rating,members", *(f"{n},T{n},Unknown,,Unknown,,9" for n in range(1, 8))
    )
    item = read(with_files(anime_2016(), anime=titles), tmp_path).items.row(0, named=True)
    assert (item["categories"], item["attributes"]) == ([], "")


@pytest.mark.parametrize("name", ["rating_complete", "rating"])
def test_other_names_of_the_ratings_file_are_known(tmp_path: Path, name: str) -> None:
    published = anime_2020()
    changes = {"animelist": None, name: published.files["animelist.csv"]}
    assert read(with_files(published, **changes), tmp_path).interactions.height == len(PAIRS)


def test_synopses_alone_are_titles_enough(tmp_path: Path) -> None:
    raw = read(with_files(anime_2020(), anime=None), tmp_path)
    assert raw.version == "Anime 2020 with synopses"
    assert raw.items.select("name", "attributes", "description").row(1) == (
        "Title 2",
        "",
        'Ship 2, its "crew" and space.',
    )


def test_a_title_of_only_one_of_the_two_files_stays(tmp_path: Path) -> None:
    synopses = lines("MAL_ID,Name,Score,Genres,sypnopsis", '9,Other,7.1,Comedy,"No synopsis yet."', "1,,1,,Ship.")
    items = read(with_files(anime_2020(), anime_with_synopsis=synopses), tmp_path).items.sort("item_id")
    assert items["item_id"].to_list() == ["1", "2", "3", "4", "5", "6", "7", "9"]
    assert items.filter(item_id="1").select("name", "description").row(0) == ("Title 1", "Ship.")
    assert items.filter(item_id="9").select("name", "categories").row(0) == ("Other", ["Comedy"])


def test_a_synopsis_that_says_that_there_is_none_is_none(tmp_path: Path) -> None:
    none = "No synopsis information has been added to this title. Help improve our database."
    synopses = lines("MAL_ID,Name,Score,Genres,sypnopsis", f'1,Title 1,1,Drama,"{none}"')
    assert read(with_files(anime_2020(), anime_with_synopsis=synopses), tmp_path).items["description"][0] == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating": None}, r"expected one of rating_complete\.csv.*there are: anime\.csv"),
        (
            {"rating": b"user_id,anime_id,stars\n1,1,5\n"},
            r"rating\.csv, row 1, field 'rating'.*user_id, anime_id, stars",
        ),
        ({"anime": b"anime_id,title,genre\n1,x,y\n"}, r"anime\.csv, row 1, field 'name'"),
    ],
)
def test_a_file_that_is_missing_or_of_another_shape_is_named(
    tmp_path: Path, changes: dict[str, bytes | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(with_files(anime_2016(), **changes), tmp_path)


def test_the_real_lists_are_read_whole(shared_dataset: Callable[[str], Path]) -> None:
    raw = read_all(AnimeReader(), shared_dataset("anime"), anime_2016().settings)
    assert raw.version == "Anime 2020 with synopses"
    assert (raw.rows_read, raw.skipped_count) == (253_881, 0)
    bebop = raw.items.filter(item_id="1").row(0, named=True)
    assert bebop["name"] == "Cowboy Bebop"
    assert bebop["attributes"] == "Type: TV. Episodes: 26."
    assert "Sci-Fi" in bebop["categories"]
    assert bebop["description"].startswith("Crime is timeless.")
