"""The Yelp academic dataset: business and review files, JSON lines, plain, packed, or in the archive as published.

Format: https://www.yelp.com/dataset/documentation/main. `dataset.filters` keeps the places of some states, cities or
categories, as in the paper (Missouri: state MO). A place's stars and review_count are sums over all users and are not
read.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.raw_dataset import RawDataset, keeping
from storage.readers.sources import SourceFile, existing_source, find_file, list_files
from storage.readers.text import clean_names, clean_text, sentence
from storage.readers.text_files import scan_json_lines
from storage.settings.datasets import DatasetSettings

_REVIEW = {
    "user_id": "$.user_id",
    "item_id": "$.business_id",
    "rating": "$.stars",
    "timestamp": "$.date",
    "review_text": "$.text",
}
_BUSINESS = {
    "item_id": "$.business_id",
    "name": "$.name",
    "city": "$.city",
    "state": "$.state",
    "categories": "$.categories",
    "attributes": "$.attributes",
}
_FILTERS = ("state", "city", "categories")


class YelpReader:
    """Reads yelp_academic_dataset_review.json and yelp_academic_dataset_business.json."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The review file and the business file."""
        folder = existing_source(source, settings)
        files = list_files(folder)
        return [
            find_file(files, lambda name, ending=ending: name.endswith(ending), f"*{ending}[.gz]", folder)
            for ending in ("review.json", "business.json")
        ]

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open reviews and places; with filters, only the reviews of places that pass.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format, a filter is unknown or no place passes.
        """
        reviews, places = (file.unpacked(workspace) for file in self.files(source, settings))
        items = _places(places, settings)
        scan, left_out = scan_json_lines(reviews, _REVIEW), Counter[str]()
        if settings.filters:
            # A line that cannot be read stays, so that it is counted.
            chosen = pl.col("item_id").is_in(items["item_id"].implode()) | pl.col("item_id").is_null()
            scan = scan.then(keeping(chosen, left_out, "reviews of places that do not pass dataset.filters"))
        text = clean_text(pl.col("review_text")).replace("", None)
        scan = scan.then(lambda rows: rows.with_columns(review_text=text))
        return RawDataset("Yelp academic dataset", scan.batches(), reviews, [items], "iso", left_out=left_out)


def _places(path: Path, settings: DatasetSettings) -> pl.DataFrame:
    unknown = [name for name in settings.filters if name not in _FILTERS]
    if unknown:
        raise DataError(
            f"unknown filter {unknown[0]!r}", remedy=f"Filter by {', '.join(_FILTERS)}", field="dataset.filters"
        )
    lines = bad = 0
    parts = []
    for batch in scan_json_lines(path, _BUSINESS).batches():
        lines += batch.height
        bad += batch["item_id"].null_count()
        parts.append(_filtered(_described(batch.filter(pl.col("item_id").is_not_null())), settings))
    if lines == bad or bad > settings.bad_row_limit * lines:
        raise DataError(
            f"not JSON with a field business_id; {bad:,} of {lines:,} lines are malformed",
            remedy="Give the business file as published",
            file=path,
            field="business_id",
        )
    items = pl.concat(parts)
    if items.height == 0:
        shown = "; ".join(f"{name}: {', '.join(values)}" for name, values in settings.filters.items())
        raise DataError(
            f"not one of {lines - bad:,} places passes the filter {shown}",
            remedy="Check the spelling: states have two letters, as in --set 'dataset.filters.state=[MO]'",
            file=path,
        )
    return items.drop("state", "city")


def _filtered(places: pl.DataFrame, settings: DatasetSettings) -> pl.DataFrame:
    for name, values in settings.filters.items():
        wanted = [value.lower() for value in values]
        if name == "categories":
            passes = pl.col(name).list.eval(pl.element().str.to_lowercase().is_in(wanted)).list.any()
        else:
            passes = pl.col(name).fill_null("").str.strip_chars().str.to_lowercase().is_in(wanted)
        places = places.filter(passes)
    return places


def _described(places: pl.DataFrame) -> pl.DataFrame:
    where = pl.concat_str("city", "state", separator=", ", ignore_nulls=True)
    return places.select(
        "item_id",
        clean_text(pl.col("name")),
        categories=clean_names(pl.col("categories").str.split(",")),
        attributes=pl.concat_str(
            sentence("In", where),
            pl.col("attributes").map_batches(_features, pl.String),
            separator=" ",
            ignore_nulls=True,
        ),
        description=pl.lit(""),
        state="state",
        city="city",
    )


def _features(attributes: pl.Series) -> pl.Series:
    """`Features: Outdoor Seating, Wi Fi free.` of a place's attributes: what is true of it, and named values."""
    pairs = attributes.str.extract_all(r'"(\w+)":\s*"(True|u?\'[^\'"]*\')"')
    named = (
        pl.DataFrame({"pair": pairs})
        .with_row_index("place")
        .explode("pair")
        .select(
            "place",
            name=pl.col("pair").str.extract(r'^"(\w+)"', 1).str.replace_all(r"([a-z])([A-Z])", "$1 $2"),
            value=pl.col("pair").str.extract(r"'([^'\"]*)'\"$", 1),
        )
        .filter(pl.col("name").is_not_null() & ~pl.col("value").fill_null("").is_in(["none", "no"]))
        .with_columns(text=pl.concat_str("name", "value", separator=" ", ignore_nulls=True).str.replace_all("_", " "))
        .group_by("place", maintain_order=True)
        .agg(pl.col("text").sort().str.join(", "))
    )
    placed = pl.DataFrame({"place": pl.int_range(len(attributes), eager=True, dtype=pl.UInt32)}).join(
        named.with_columns(pl.col("place").cast(pl.UInt32)), on="place", how="left", maintain_order="left"
    )
    return placed.select(pl.format("Features: {}.", "text")).to_series()
