from __future__ import annotations

import pytest
from pydantic import ValidationError

from storage.errors import SettingsError
from storage.settings.datasets import DatasetSettings, list_dataset_profiles, load_dataset_profile


def test_the_three_datasets_have_profiles() -> None:
    assert {profile.name for profile in list_dataset_profiles()} >= {"sample", "amazon-music", "movielens"}


def test_amazon_music_likes_start_at_four_and_movielens_ratings_at_a_half() -> None:
    profiles = {profile.name: profile for profile in list_dataset_profiles()}
    assert profiles["amazon-music"].like_threshold == 4
    assert (profiles["movielens"].like_threshold, profiles["movielens"].rating_min) == (3, 0.5)


def test_a_profile_carries_its_name() -> None:
    section = load_dataset_profile("sample")["dataset"]
    assert isinstance(section, dict)
    assert section["name"] == "sample"


def test_an_unknown_dataset_is_told_the_near_and_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'movielense'.*mean 'movielens'.*amazon-games.*movielens-32m, sample"):
        load_dataset_profile("movielense")


@pytest.mark.parametrize("name", ["", "..", "../llm/embedded", "sample/../sample"])
def test_a_name_never_leaves_the_folder_of_profiles(name: str) -> None:
    with pytest.raises(SettingsError, match="unknown dataset"):
        load_dataset_profile(name)


@pytest.mark.parametrize(
    "changes", [{"like_threshold": 6}, {"like_threshold": 1}, {"adapter": "csv"}, {"min_ratings": 1}, {"typo": 1}]
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DatasetSettings.model_validate({"name": "x", "adapter": "amazon", "like_threshold": 3} | changes)
