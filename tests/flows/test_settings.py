"""Settings come from a profile, are overridden by name, and a wrong one is named with a remedy."""

from __future__ import annotations

import pytest

from flows.settings import Settings, parse_overrides
from storage.errors import SettingsError


def load(dataset: str = "sample", **overrides: object) -> Settings:
    return Settings.load(dataset, None, "embedded", "tail", {k.replace("__", "."): v for k, v in overrides.items()})  # type: ignore[misc] # JSON values


def test_overrides_are_read_as_yaml() -> None:
    overrides = parse_overrides(["sasrec.max_epochs=5", "annotate.max_prompts=null", "reinforce.agents.seeds=[1, 2]"])
    assert overrides == {"sasrec.max_epochs": 5, "annotate.max_prompts": None, "reinforce.agents.seeds": [1, 2]}


@pytest.mark.parametrize("text", ["epochs=5", "sasrec.max_epochs", "sasrec.max_epochs=[1"])
def test_a_malformed_override_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--set"):
        parse_overrides([text])


def test_the_profile_gives_the_like_threshold() -> None:
    assert load("amazon-music").dataset.like_threshold == 4
    assert load("movielens").dataset.rating_min == 0.5


def test_an_override_changes_one_setting_and_keeps_the_profiles_others() -> None:
    settings = load("movielens", dataset__min_ratings=10)
    assert settings.dataset.min_ratings == 10
    assert settings.dataset.adapter == "movielens"


def test_an_unknown_dataset_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(
        SettingsError, match=r"unknown dataset 'movielense'.*'movielens'.*amazon-games, .*movielens-32m, sample"
    ):
        load("movielense")


def test_an_unknown_setting_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"sasrec\.max_epoch:.*Did you mean 'max_epochs'"):
        load(sasrec__max_epoch=3)


def test_a_value_out_of_range_is_named() -> None:
    with pytest.raises(SettingsError, match=r"dataset\.bad_row_limit:.*found 7"):
        load(dataset__bad_row_limit=7)


def test_a_preset_comes_over_both_profiles_and_below_overrides() -> None:
    settings = load("amazon-music@paper", annotate__max_prompts=50)
    assert (settings.preset, settings.dataset.name) == ("paper", "amazon-music")
    assert (settings.dataset.like_threshold, settings.dataset.adapter) == (3, "amazon")
    assert settings.llm.prompt_style == "reasoning"
    assert settings.llm.sampling.temperature == load().llm.sampling.temperature
    assert settings.annotate.max_prompts == 50
    assert settings.reinforce.agents.dqn.gamma == 0.975
    assert settings.reinforce.environment.catalogue_size is None


def test_without_a_preset_nothing_of_it_is_set() -> None:
    settings = load("amazon-music")
    assert (settings.preset, settings.dataset.like_threshold, settings.llm.prompt_style) == (None, 4, "few_shot")


def test_a_presets_like_threshold_follows_the_scale_of_the_ratings() -> None:
    assert load("anime@paper").dataset.like_threshold == 6
    assert load("movielens@paper").dataset.like_threshold == 3


def test_an_unknown_preset_is_named_with_the_existing_ones() -> None:
    with pytest.raises(SettingsError, match=r"unknown preset 'papre'\. Did you mean 'paper'\? Presets: paper\."):
        load("sample@papre")
    with pytest.raises(SettingsError, match="a split is chosen by --split"):
        load("sample@loo")


def test_words_that_yaml_takes_for_truth_stay_words() -> None:
    overrides = parse_overrides(["dataset.core=off", "a.b=true", "a.c=No", "a.d=False"])
    assert overrides == {"dataset.core": "off", "a.b": True, "a.c": "No", "a.d": False}
