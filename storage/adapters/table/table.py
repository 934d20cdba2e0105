"""Bring your own: one rating a row and, if there is one, a file with one item a row; CSV, TSV, JSON lines or Parquet.

Columns are recognised by their usual names, or named in the profile (`recaudience datasets add` writes one).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.adapters.table.layout import (
    guess_interaction_columns,
    guess_item_columns,
    guess_list_form,
    guess_time_unit,
    require_single_values,
    scan_table,
)
from storage.errors import DataError
from storage.readers.ids import id_text
from storage.readers.rating_texts import rating_numbers
from storage.readers.raw_dataset import UNRATED, RawDataset, keeping
from storage.readers.scans import Scan
from storage.readers.sources import SourceFile, existing_source, find_file, list_files
from storage.readers.text import clean_names, clean_text, said, sentence
from storage.readers.text_files import json_texts
from storage.settings.datasets import DatasetSettings
from storage.settings.table import InteractionColumns, ItemColumns, ListForm, TimeUnit

_LOOKED_AT = 10_000  # rows


@dataclass(frozen=True)
class Layout:
    """The layout of a table's files, given or inferred.

    Parameters
    ----------
    interactions, items
        Plain files; items may be missing.
    columns, item_columns
        The role of each column.
    aggregates
        Item columns left out because they seem to aggregate over users.
    interaction_names, item_names
        All columns of the files.
    list_form, time_unit
        How cells hold several categories, and what timestamps count; None where there are none.
    """

    interactions: Path
    items: Path | None
    columns: InteractionColumns
    item_columns: ItemColumns | None
    aggregates: list[str]
    list_form: ListForm | None
    time_unit: TimeUnit | None
    interaction_names: tuple[str, ...] = ()
    item_names: tuple[str, ...] = ()


class TableReader:
    """Reads what `dataset.table` describes."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The interactions file and, where there is one, the items file."""
        names = (settings.table.interactions, settings.table.items)
        if names[0] is None:
            raise DataError(
                f"dataset {settings.name!r} does not say which file holds its interactions",
                remedy="Write dataset.table.interactions in its profile, or make one with: recaudience datasets add",
            )
        return [_locate(name, source, settings) for name in names if name is not None]

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open both files.

        Raises
        ------
        DataError
            Where a file is missing or of another format, or the role of a column cannot be inferred.
        """
        layout = self.layout(source, settings, workspace)
        columns = layout.columns.model_dump(exclude_none=True)
        if layout.time_unit is None:
            columns.pop("timestamp", None)
        scan = scan_table(layout.interactions, settings.table.separator)
        roles = {role: pl.col(name) for role, name in columns.items()}
        if "review_text" in roles:
            roles["review_text"] = clean_text(roles["review_text"].cast(pl.String)).replace("", None)
        rated, left_out = scan.then(lambda rows: rows.select("row", **roles)), Counter[str]()
        if (unrated := settings.table.unrated) is not None:
            is_rated = pl.col("rating").map_batches(rating_numbers, return_dtype=pl.Float64).ne_missing(unrated)
            rated = rated.then(keeping(is_rated, left_out, UNRATED))
        return RawDataset(
            version=f"table ({layout.interactions.suffix.lstrip('.').lower() or 'text'})",
            ratings=rated.batches(),
            ratings_file=layout.interactions,
            items=() if layout.items is None else _described(layout, settings).batches(),
            time_unit=layout.time_unit or "s",
            left_out=left_out,
        )

    def layout(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> Layout:
        """The layout of the files: what the settings say, and what is inferred where they say nothing.

        Raises
        ------
        DataError
            As `read`.
        """
        table = settings.table
        plain = [file.unpacked(workspace) for file in self.files(source, settings)]
        interactions, items = plain[0], plain[1] if len(plain) > 1 else None
        scan = scan_table(interactions, table.separator)
        schema = scan.schema()
        columns = guess_interaction_columns(scan.names, table.columns, interactions)
        require_single_values(interactions, schema, columns.model_dump(exclude_none=True).values())
        unit = table.time_unit
        if columns.timestamp is not None and unit is None:
            unit = guess_time_unit(scan.head(_LOOKED_AT)[columns.timestamp])
        item_columns, aggregates, form = None, [], None
        item_names: tuple[str, ...] = ()
        if items is not None:
            item_scan = scan_table(items, table.item_separator)
            item_names = tuple(name for name in item_scan.names if name != "row")
            item_columns, aggregates = guess_item_columns(item_scan.names, table.item_columns, items)
            require_single_values(items, item_scan.schema(), [item_columns.item_id or ""])
            if item_columns.categories is not None:
                form = table.list_form or _list_form(item_scan.head(_LOOKED_AT)[item_columns.categories])
        has_time = columns.timestamp is not None
        return Layout(
            interactions,
            items,
            columns,
            item_columns,
            aggregates,
            form,
            unit if has_time else None,
            tuple(name for name in scan.names if name != "row"),
            item_names,
        )


def count_ratings(layout: Layout, settings: DatasetSettings) -> pl.DataFrame:
    """How often each rating was given: rating (float64, finite, ascending) and len; for guessing the scale.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    number = pl.col(layout.columns.rating or "").map_batches(rating_numbers, return_dtype=pl.Float64)
    scan = scan_table(layout.interactions, settings.table.separator).then(lambda rows: rows.select(rating=number))
    counts = pl.DataFrame(schema={"rating": pl.Float64, "len": pl.UInt32})
    for batch in scan.batches():
        part = batch.filter(pl.col("rating").is_finite()).group_by("rating").len()
        counts = pl.concat([counts, part], how="vertical_relaxed").group_by("rating").agg(pl.col("len").sum())
    return counts.sort("rating")


def _locate(name: str, source: Path | None, settings: DatasetSettings) -> SourceFile:
    """A file by its path, or by its name in the source."""
    path = Path(name).expanduser()
    if path.is_absolute() and not path.exists():
        raise DataError("no such file", remedy="Check the path, also that in the dataset's profile", file=path)
    if path.is_absolute() or (source is None and path.exists()):
        return find_file(list_files(existing_source(path, settings)), lambda _: True, name, path)
    folder = existing_source(source, settings)
    return find_file(list_files(folder), lambda file_name: file_name == name.removesuffix(".gz"), name, folder)


def _list_form(cells: pl.Series) -> ListForm:
    return "json" if cells.dtype.is_nested() else guess_list_form(cells.cast(pl.String))


def _described(layout: Layout, settings: DatasetSettings) -> Scan:
    """The items under the names that all readers use."""
    columns = layout.item_columns
    if columns is None or layout.items is None:
        raise ValueError("the layout has no items")
    scan = scan_table(layout.items, settings.table.item_separator)
    schema = scan.schema()

    def text(name: str | None) -> pl.Expr:
        return pl.lit(None, pl.String) if name is None else said(clean_text(_as_text(name, schema)))

    attributes = [sentence(_label(name), text(name)) for name in columns.attributes or ()]
    facts = {
        "item_id": id_text(columns.item_id or "", schema[columns.item_id or ""]),
        "name": text(columns.name),
        "categories": _categories(columns.categories, schema, layout.list_form or "none"),
        "attributes": pl.concat_str(*attributes, separator=" ", ignore_nulls=True) if attributes else pl.lit(""),
        "description": text(columns.description),
    }
    return scan.then(lambda rows: rows.select(**facts).filter(pl.col("item_id").is_not_null()))


def _as_text(name: str, schema: pl.Schema) -> pl.Expr:
    """A cell as text; several values in one cell apart by commas."""
    dtype = schema[name]
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String)).list.join(", ")
    if dtype == pl.String:
        return pl.col(name).str.replace_all(r"\s*\|\s*", ", ")
    return pl.col(name).cast(pl.String, strict=False)


def _categories(name: str | None, schema: pl.Schema, form: ListForm) -> pl.Expr:
    if name is None:
        return pl.lit([], pl.List(pl.String))
    if isinstance(schema[name], pl.List):
        names = pl.col(name).cast(pl.List(pl.String))
    else:
        cell = pl.col(name).cast(pl.String)
        if form == "json":
            apart = cell.str.replace_all(r"(['\"])\s+(['\"])", "${1}, ${2}")  # as NumPy prints them
            quoted = apart.str.replace_all(r"(^\[\s*|,\s*)'", '${1}"').str.replace_all(r"'(\s*\]$|\s*,)", '"${1}')
            names = json_texts(pl.when(cell.str.contains("{", literal=True)).then(cell).otherwise(quoted))
        else:
            names = pl.concat_list(cell) if form == "none" else cell.str.split(form)
    return clean_names(names)


def _label(name: str) -> str:
    """`age_rating` as `Age rating`."""
    words = name.strip().replace("_", " ")
    return words[:1].upper() + words[1:]
