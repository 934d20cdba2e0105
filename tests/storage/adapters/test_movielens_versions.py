from __future__ import annotations

from pathlib import Path

import pytest

from storage.adapters.movielens import MovieLensReader
from tests.support.published import Published, lines, movielens_1m, movielens_10m, movielens_100k, movielens_csv
from tests.support.readings import Reading, read_all

DAT = {"1M": movielens_1m(), "10M": movielens_10m()}


def read(published: Published, folder: Path) -> Reading:
    return read_all(MovieLensReader(), published.write(folder / "source"), published.settings)


def test_100k_has_tabs_flags_for_genres_and_latin_letters(tmp_path: Path) -> None:
    raw = read(movielens_100k(), tmp_path)
    assert raw.interactions.row(0) == ("1", "2", 4.0, 1_400_000_010, None)
    assert raw.items.row(0) == ("1", "Café 1", ["Action", "Drama"], "Year: 1995.", "")


def test_1m_has_double_colons_and_latin_letters(tmp_path: Path) -> None:
    raw = read(movielens_1m(), tmp_path)
    assert raw.interactions.row(0) == ("1", "2", 4.0, 1_400_000_010, None)
    assert raw.items.row(0) == ("1", "The Café 1", ["Comedy", "Children's"], "Year: 1995.", "")
    assert raw.words.height == 0


def test_10m_has_half_stars_and_tags(tmp_path: Path) -> None:
    raw = read(movielens_10m(), tmp_path)
    assert raw.interactions.row(0) == ("1", "2", 3.5, 1_400_000_010, None)
    assert raw.items["name"][0] == "Café 1"
    assert raw.words.row(0) == ("1", "2", "très bien", 1_400_000_010)


def test_csv_quotes_titles_and_tags(tmp_path: Path) -> None:
    raw = read(movielens_csv(), tmp_path)
    assert raw.items["name"][0] == "The Café 1"
    assert raw.words["word"][0] == 'funny, "very"'


def test_dat_without_users_and_tags_is_one_of_two(tmp_path: Path) -> None:
    published = movielens_1m()
    files = {name: content for name, content in published.files.items() if name != "users.dat"}
    assert read(Published("", published.settings, files), tmp_path).version == "MovieLens 1M or 10M"


@pytest.mark.parametrize("version", DAT)
def test_a_title_without_year_or_with_colons_keeps_its_words(tmp_path: Path, version: str) -> None:
    published = DAT[version]
    films = lines("1::Mission: Impossible (1996)::Action", "2::Untitled::Drama", "3::Odd (19)::(no genres listed)")
    items = read(Published("", published.settings, {**published.files, "movies.dat": films}), tmp_path).items
    assert items.select("name", "categories", "attributes").rows() == [
        ("Mission: Impossible", ["Action"], "Year: 1996."),
        ("Untitled", ["Drama"], ""),
        ("Odd (19)", [], ""),
    ]


@pytest.mark.parametrize("packed", ["plain", "gz", "zip"])
@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("ml-20m", "MovieLens 20M"),
        ("ml-25m", "MovieLens 25M"),
        ("ml-32m", "MovieLens 32M"),
        ("ml-latest", "MovieLens latest"),
        ("ml-latest-small", "MovieLens latest-small"),
    ],
)
def test_the_readme_says_which_of_the_csv_versions_it_is(tmp_path: Path, name: str, version: str, packed: str) -> None:
    published = movielens_csv()
    readme = lines("Summary", "=======", "", f"This dataset ({name}) describes 5-star rating and free-text tagging.")
    source = Published("", published.settings, {**published.files, "README.txt": readme}).write(tmp_path / "x", packed)
    assert read_all(MovieLensReader(), source, published.settings).version == version
    assert "README.txt" in [file.name for file in MovieLensReader().files(source, published.settings)]


def test_a_readme_that_names_no_dataset_changes_nothing(tmp_path: Path) -> None:
    published = movielens_csv()
    files = {**published.files, "README.txt": b"\xff\xfe(ml-) nothing (ml-X)"}
    assert read(Published("", published.settings, files), tmp_path).version == "MovieLens (csv)"
