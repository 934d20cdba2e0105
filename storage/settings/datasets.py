"""Dataset profiles: what a dataset is called, who reads it, what counts as a like (deployments/datasets/*.yaml)."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT, Split
from storage.settings.fetch import FetchSettings
from storage.settings.sample import SampleWorldSettings
from storage.settings.table import TableSettings

_FEWEST_RATINGS = 3  # one for each split
PROFILES = Path(__file__).resolve().parents[2] / "deployments" / "datasets"


class DatasetSettings(BaseModel):
    """Settings of a dataset that the ingest step reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="name of the profile and of the run folder")
    description: str = Field(default="", description="one line for people")
    origin: str = Field(default="", description="where the publisher's files come from; shown when they are missing")
    adapter: Literal["amazon", "anime", "movielens", "sample", "table", "yelp"] = Field(
        description="reader of the publisher's files"
    )
    noun: str = Field(default="item", description="what one item is, in prompts: film, album, place")
    like_threshold: float = Field(description="a rating at or above it is a like")
    rating_min: float = Field(default=1, description="lowest rating of the scale")
    rating_max: float = Field(default=5, description="highest rating of the scale")
    core: Literal["off", "users", "users_and_items"] = Field(
        default="users", description="who needs min_ratings ratings; users always need three, one for each split"
    )
    min_ratings: int = Field(default=5, ge=3, description="users (and items) with fewer ratings are dropped")
    one_category: bool = Field(
        default=False,
        description="an item keeps one category, as in the paper: the most frequent of its own that is neither the "
        "most frequent of all nor one item's alone, or such a one where it has no other",
    )
    split: Split = Field(default=DEFAULT_SPLIT, description="how interactions are split")
    bad_row_limit: float = Field(default=0.01, ge=0, le=1, description="share of malformed rows that is skipped")
    seed: int = Field(default=1, description="seed of the sample world and of orders without timestamps")
    sample: SampleWorldSettings = SampleWorldSettings()
    table: TableSettings = TableSettings()
    filters: dict[str, tuple[str, ...]] = Field(
        default={}, description="reader yelp: values of state, city or categories that a place must have"
    )
    # The address of a file does not change its content: it is left out of cache keys and manifests.
    fetch: FetchSettings | None = Field(
        default=None, exclude=True, description="addresses of the files, or the page to get them from"
    )

    @model_validator(mode="after")
    def _scale_is_ordered(self) -> Self:
        if not self.rating_min < self.like_threshold <= self.rating_max:
            raise ValueError(
                f"rating_min {self.rating_min:g} < like_threshold {self.like_threshold:g} <= rating_max "
                f"{self.rating_max:g} does not hold"
            )
        return self

    @property
    def least_ratings(self) -> tuple[int, int]:
        """The fewest ratings that a user and an item must have."""
        return {
            "off": (_FEWEST_RATINGS, 1),
            "users": (self.min_ratings, 1),
            "users_and_items": (self.min_ratings, self.min_ratings),
        }[self.core]


def own_profiles(data: Path) -> Path:
    """Where profiles made by `recaudience datasets add` lie in a data folder."""
    return data / ".profiles"


def list_dataset_profiles(own: Path | None = None) -> list[DatasetSettings]:
    """The `dataset` section of every profile, by name; `own` is a second folder of them."""
    return [_dataset_section(path) for _, path in sorted(_profiles(own).items())]


def load_dataset_profile(name: str, own: Path | None = None) -> dict[str, JsonValue]:
    """All sections of a profile, of which `dataset` is one; one of the folder `own` comes before one of recaudience's.

    Raises
    ------
    SettingsError
        Where no profile has that name (the message lists the existing ones), or it is not valid YAML.
    """
    profiles = _profiles(own)
    if name not in profiles:
        names = sorted(profiles)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise SettingsError(f"unknown dataset {name!r}. {hint}Known datasets: {', '.join(names)}.")
    return _read(profiles[name])


def load_dataset_settings(name: str, own: Path | None = None) -> DatasetSettings:
    """The `dataset` section of the profile that `load_dataset_profile` finds.

    Raises
    ------
    SettingsError
        Where no profile has that name, or it is not a valid one.
    """
    load_dataset_profile(name, own)
    return _dataset_section(_profiles(own)[name])


def _profiles(own: Path | None) -> dict[str, Path]:
    folders = [PROFILES] if own is None else [PROFILES, own]
    return {path.stem: path for folder in folders for path in folder.glob("*.yaml")}


def _read(path: Path) -> dict[str, JsonValue]:
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(sections, dict) or not isinstance(sections.get("dataset"), dict):
        raise SettingsError(f"{path}: expected a mapping with a section `dataset`.")
    return {**sections, "dataset": {"name": path.stem, **sections["dataset"]}}


def _dataset_section(path: Path) -> DatasetSettings:
    try:
        return DatasetSettings.model_validate(_read(path)["dataset"])
    except ValidationError as error:
        raise SettingsError(f"{path}: section dataset: {error}") from error
