"""A preset's sections come over a profile's, and a run is named by dataset and preset."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from storage.errors import SettingsError
from storage.settings.presets import Preset, list_presets, load_preset, merged_sections, split_preset, with_preset


def test_sections_are_merged_and_values_replaced() -> None:
    below: dict[str, JsonValue] = {"sasrec": {"width": 8, "heads": 2}, "annotate": {"max_prompts": 9}}
    above: dict[str, JsonValue] = {"sasrec": {"width": 16}, "embed": {"batch_size": 1}}
    assert merged_sections(below, above) == {
        "sasrec": {"width": 16, "heads": 2},
        "annotate": {"max_prompts": 9},
        "embed": {"batch_size": 1},
    }
    assert below["sasrec"] == {"width": 8, "heads": 2}


@pytest.mark.parametrize(("scale", "threshold"), [({}, 3), ({"rating_max": 5}, 3), ({"rating_max": 10}, 6)])
def test_a_like_threshold_is_scaled_to_the_highest_rating(scale: dict[str, int], threshold: float) -> None:
    preset = Preset("half", "", {"dataset": {"like_threshold": 3}})
    dataset = preset.over({"dataset": {"name": "films", "like_threshold": 4, **scale}})["dataset"]
    assert dataset == {"name": "films", "like_threshold": threshold, **scale}


def test_every_preset_says_what_it_is() -> None:
    assert list_presets() == ["paper"]
    assert all(load_preset(name).description for name in list_presets())


def test_a_run_is_named_by_dataset_and_preset() -> None:
    assert split_preset("sample@paper") == ("sample", "paper")
    assert split_preset("sample") == ("sample", None)
    assert with_preset("sample", None) == "sample"
    assert with_preset("sample", "paper") == with_preset("sample@paper", "paper") == "sample@paper"
    with pytest.raises(SettingsError, match="give one of them"):
        with_preset("sample@paper", "other")
