from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from storage.settings.datasets import DatasetSettings, list_dataset_profiles, load_dataset_settings
from storage.settings.fetch import ByHand, FetchSettings, FromPublisher, RemoteFile

FETCH = TypeAdapter(FetchSettings)
URL = "https://files.example.org/sets/ml-1m.zip"


def test_a_file_is_named_after_its_address() -> None:
    assert RemoteFile(url=URL).name == "ml-1m.zip"
    assert RemoteFile(url="https://example.org/a%20b.csv?x=1").name == "a b.csv"
    assert RemoteFile(url=URL, name="other.zip").name == "other.zip"


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "../a", "a\\b", "a\0", ""])
def test_a_name_never_leaves_the_target_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        RemoteFile(url=URL, name=name)


@pytest.mark.parametrize("url", ["ftp://example.org/a", "file:///etc/passwd", "https://example.org", "https://e.org/"])
def test_an_address_is_one_of_a_file_on_the_web(url: str) -> None:
    with pytest.raises(ValidationError):
        RemoteFile(url=url)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"files": []},
        {"files": [{"url": URL}, {"url": URL}]},
        {"files": [{"url": URL, "sha1": "0"}]},
        {"files": [{"url": URL, "md5": "0"}]},
        {"visit": "https://example.org/terms"},
        {"visit": "https://example.org/terms", "files": [{"url": URL}]},
    ],
)
def test_sections_that_make_no_sense_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FETCH.validate_python(section)


def test_where_files_come_from_changes_no_cache_key() -> None:
    plain = {"name": "x", "adapter": "movielens", "like_threshold": 3}
    settings = DatasetSettings.model_validate(plain | {"fetch": {"files": [{"url": URL}]}})
    assert settings.fetch is not None
    assert settings.model_dump(mode="json") == DatasetSettings.model_validate(plain).model_dump(mode="json")


def test_profiles_say_where_their_files_come_from() -> None:
    profiles = {profile.name: profile.fetch for profile in list_dataset_profiles()}
    names = {
        name: [file.name for file in fetch.files]
        for name, fetch in profiles.items()
        if isinstance(fetch, FromPublisher)
    }
    assert names == {
        "amazon-games": ["reviews_Video_Games_5.json.gz", "meta_Video_Games.json.gz"],
        "amazon-movies": ["reviews_Movies_and_TV_5.json.gz", "meta_Movies_and_TV.json.gz"],
        "amazon-music": ["reviews_Digital_Music_5.json.gz", "meta_Digital_Music.json.gz"],
        "movielens": ["ml-latest-small.zip"],
        "movielens-100k": ["ml-100k.zip"],
        "movielens-1m": ["ml-1m.zip"],
        "movielens-32m": ["ml-32m.zip"],
    }
    assert {name for name, fetch in profiles.items() if isinstance(fetch, ByHand)} == {"anime", "yelp"}


@pytest.mark.parametrize(("name", "lowest"), [("movielens-100k", 1), ("movielens-1m", 1), ("movielens-32m", 0.5)])
def test_movielens_sets_have_their_own_scales(name: str, lowest: float) -> None:
    dataset = load_dataset_settings(name)
    assert (dataset.adapter, dataset.like_threshold, dataset.rating_min) == ("movielens", 3, lowest)
