"""Presets: settings that reproduce somebody's configuration on any dataset (deployments/presets/*.yaml)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from storage.errors import SettingsError

PRESETS = Path(__file__).resolve().parents[2] / "deployments" / "presets"
_SCALE = 5  # that a preset's like_threshold is told on
_USUAL_TOP = 5  # of a profile that tells no rating_max

Sections = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Preset:
    """Settings by section, which come over a dataset's profile.

    Parameters
    ----------
    name
        That of its file.
    description
        One line for people.
    sections
        As in a dataset's profile. `dataset.like_threshold` is of 5 and is scaled to the dataset's highest rating.
    """

    name: str
    description: str
    sections: Sections

    def over(self, profile: Sections) -> dict[str, JsonValue]:
        """The sections of a dataset's profile with this preset's values in place of theirs."""
        merged = merged_sections(profile, self.sections)
        dataset, own = merged.get("dataset"), self.sections.get("dataset")
        if isinstance(dataset, dict) and isinstance(own, dict) and "like_threshold" in own:
            top = float(str(dataset.get("rating_max", _USUAL_TOP)))
            threshold = float(str(own["like_threshold"])) * top / _SCALE
            merged["dataset"] = {**dataset, "like_threshold": threshold}
        return merged


def merged_sections(below: Sections, above: Sections) -> dict[str, JsonValue]:
    """Both as one; where both have a value, mappings are merged and of other values that of `above` stands."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = merged_sections(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def list_presets() -> list[str]:
    """Names of the presets, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """The preset of a name.

    Raises
    ------
    SettingsError
        Where there is none of that name (the message lists the existing ones), or it is not valid.
    """
    names = list_presets()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise SettingsError(
            f"unknown preset {name!r}. {hint}Presets: {', '.join(names)}. A run is named DATASET@PRESET, as in "
            "sample@paper; a split is chosen by --split."
        )
    path = PRESETS / f"{name}.yaml"
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(sections, dict) or not all(isinstance(part, dict | str) for part in sections.values()):
        raise SettingsError(f"{path}: expected a mapping of sections such as `dataset`, and a `description`.")
    return Preset(name, str(sections.pop("description", "")), sections)


def split_preset(name: str) -> tuple[str, str | None]:
    """`sample@paper` as ("sample", "paper"), `sample` as ("sample", None)."""
    dataset, at, preset = name.partition("@")
    return dataset, preset if at else None


def with_preset(dataset: str, preset: str | None) -> str:
    """`sample` and `paper` as `sample@paper`; the dataset alone without a preset.

    Raises
    ------
    SettingsError
        Where the dataset is named with a preset already, which is another one.
    """
    name, own = split_preset(dataset)
    if preset is None or own == preset:
        return dataset
    if own is not None:
        raise SettingsError(f"{dataset} names the preset {own!r}, --preset {preset!r}: give one of them.")
    return f"{name}@{preset}"
