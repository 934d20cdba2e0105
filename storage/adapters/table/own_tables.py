"""Profiles for tables of one's own: what a table is understood to be, written down so that it stays that way."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml
from pydantic import ValidationError

from storage.adapters.table.layout import RatingScale, guess_scale, guess_unrated
from storage.adapters.table.table import Layout, TableReader, count_ratings
from storage.errors import DataError, SettingsError
from storage.files import publish
from storage.readers.sources import named_as_published
from storage.settings.datasets import DatasetSettings

_DRAFT_SCALE = {"rating_min": 0.0, "rating_max": 1.0, "like_threshold": 1.0}


@dataclass(frozen=True)
class Understanding:
    """A table as it was understood: the profile that says so, its layout and the scale that its ratings suggest."""

    settings: DatasetSettings
    layout: Layout
    suggested: RatingScale


def understand(name: str, table: Mapping[str, object], said: Mapping[str, object]) -> Understanding:
    """Look at the files of a table and fill in what was not said.

    Parameters
    ----------
    name
        Name of the dataset.
    table
        Fields of TableSettings: files, and whatever is said of their columns.
    said
        Other settings of the dataset that were given, such as like_threshold.

    Raises
    ------
    DataError
        Where a file cannot be read, a column cannot be told or there is no rating.
    SettingsError
        Where a setting is out of range.
    """
    draft = _validated({"name": name, "adapter": "table", "table": dict(table), **_DRAFT_SCALE})
    paths = {part: _absolute(getattr(draft.table, part)) for part in ("interactions", "items")}
    draft = draft.model_copy(update={"table": draft.table.model_copy(update=paths)})
    files = TableReader().files(None, draft)
    with (
        tempfile.TemporaryDirectory(prefix="recaudience-") as folder,
        named_as_published(files, workspace := Path(folder)),
    ):
        layout = TableReader().layout(None, draft, workspace)
        counts = count_ratings(layout, draft)
    unrated = draft.table.unrated
    if unrated is None and said.get("rating_min") is None:
        unrated = guess_unrated(counts)
    scale = guess_scale(counts if unrated is None else counts.filter(pl.col("rating") != unrated))
    if scale is None:
        raise DataError(
            "no row has a number as its rating",
            remedy="Say which column is the rating: --column rating=NAME",
            file=draft.table.interactions,
            field=layout.columns.rating,
        )
    filled = draft.table.model_copy(
        update={
            "columns": layout.columns.model_copy(
                update={part: getattr(layout.columns, part) or "" for part in ("timestamp", "review_text")}
            ),
            "item_columns": layout.item_columns or draft.table.item_columns,
            "list_form": layout.list_form,
            "time_unit": layout.time_unit,
            "unrated": unrated,
        }
    )
    values = {
        "name": name,
        "description": f"table {Path(draft.table.interactions or '').name}",
        "adapter": "table",
        "rating_min": scale.lowest,
        "rating_max": scale.highest,
        "like_threshold": scale.like_threshold,
        **said,
        "table": filled.model_dump(),
    }
    return Understanding(_validated(values), layout, scale)


def write_profile(folder: Path, settings: DatasetSettings) -> Path:
    """Write a dataset profile, atomically, as `<folder>/<name>.yaml`; returns its path."""
    section = settings.model_dump(mode="json", exclude={"name"}, exclude_defaults=True, exclude_none=True)
    text = yaml.safe_dump({"dataset": section}, sort_keys=False, allow_unicode=True)
    path = folder / f"{settings.name}.yaml"
    with publish(path) as temporary:
        temporary.write_text(
            f"# What recaudience datasets add understood; change it as you like.\n{text}", encoding="utf-8"
        )
    return path


def _validated(values: Mapping[str, object]) -> DatasetSettings:
    try:
        return DatasetSettings.model_validate(values)
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}".strip(": ") for p in error.errors())
        raise SettingsError("; ".join(problems)) from error


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().resolve())
