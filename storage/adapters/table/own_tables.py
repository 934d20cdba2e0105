"""Profiles for tables of one's own: a table's layout is inferred once, then stands in a profile that may be edited."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml
from pydantic import ValidationError

from storage.adapters.table.layout import RatingScale, guess_scale, guess_unrated, scan_table
from storage.adapters.table.table import Layout, TableReader, count_ratings
from storage.errors import DataError, SettingsError
from storage.files import publish
from storage.readers.sources import named_as_published
from storage.settings.datasets import DatasetSettings
from storage.settings.table import TableSettings

_DRAFT_SCALE = {"rating_min": 0.0, "rating_max": 1.0, "like_threshold": 1.0}


@dataclass(frozen=True)
class InferredTable:
    """Settings inferred for a table, its layout and the scale that its ratings suggest."""

    settings: DatasetSettings
    layout: Layout
    suggested: RatingScale


def infer_table(name: str, table: Mapping[str, object], given: Mapping[str, object]) -> InferredTable:
    """Read the files of a table and infer the settings that are not given.

    Parameters
    ----------
    name
        Name of the dataset.
    table
        Fields of TableSettings: the files, and what is given about their columns.
    given
        Other settings of the dataset, such as like_threshold.

    Raises
    ------
    DataError
        Where a file cannot be read, the role of a column cannot be inferred or there is no rating.
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
    if unrated is None and given.get("rating_min") is None:
        unrated = guess_unrated(counts)
    scale = guess_scale(counts if unrated is None else counts.filter(pl.col("rating") != unrated))
    if scale is None:
        raise DataError(
            f"no row has a number as its rating{_first_rating(layout, draft)}",
            remedy="Name the column of ratings: --column rating=NAME",
            file=draft.table.interactions,
            field=layout.columns.rating,
        )
    values = {
        "name": name,
        "description": f"table {Path(draft.table.interactions or '').name}",
        "adapter": "table",
        "rating_min": scale.lowest,
        "rating_max": scale.highest,
        "like_threshold": scale.like_threshold,
        **given,
        "table": _completed(draft.table, layout, unrated).model_dump(),
    }
    return InferredTable(_validated(values), layout, scale)


def _first_rating(layout: Layout, settings: DatasetSettings) -> str:
    """The first rating as it is written, for a message."""
    first = scan_table(layout.interactions, settings.table.separator).head(1)
    return f": the first is {str(first[layout.columns.rating or ''][0])[:40]!r}" if first.height else ""


def write_profile(folder: Path, settings: DatasetSettings) -> Path:
    """Write a dataset profile, atomically, as `<folder>/<name>.yaml`; returns its path."""
    section = settings.model_dump(mode="json", exclude={"name"}, exclude_defaults=True, exclude_none=True)
    text = yaml.safe_dump({"dataset": section}, sort_keys=False, allow_unicode=True)
    path = folder / f"{settings.name}.yaml"
    with publish(path) as temporary:
        temporary.write_text(
            f"# Inferred by recaudience datasets add; change it as you like.\n{text}", encoding="utf-8"
        )
    return path


def _completed(table: TableSettings, layout: Layout, unrated: float | None) -> TableSettings:
    """Table settings with everything that was inferred; '' marks a column that is not there."""
    optional = {role: getattr(layout.columns, role) or "" for role in ("timestamp", "review_text")}
    return table.model_copy(
        update={
            "columns": layout.columns.model_copy(update=optional),
            "item_columns": layout.item_columns or table.item_columns,
            "list_form": layout.list_form,
            "time_unit": layout.time_unit,
            "unrated": unrated,
        }
    )


def _validated(values: Mapping[str, object]) -> DatasetSettings:
    try:
        return DatasetSettings.model_validate(values)
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}".strip(": ") for p in error.errors())
        raise SettingsError("; ".join(problems)) from error


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().resolve())
