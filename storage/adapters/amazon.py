"""Amazon product reviews as the McAuley lab publishes them: 2014, 2018 and 2023, any category.

2014: reviews_*_5.json (JSON lines) with meta_*.json (Python literals). 2018: *_5.json with meta_*.json, all JSON lines.
2023: *.jsonl with meta_*.jsonl, items by parent_asin, times in milliseconds. Formats:
https://jmcauley.ucsd.edu/data/amazon and https://amazon-reviews-2023.github.io. Sales ranks, average ratings, their
counts and also-bought lists are site-wide aggregates over all users and all time, so they are not read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.raw_dataset import RawDataset
from storage.readers.sources import SourceFile, existing_source, find_file, list_files
from storage.readers.text import clean_names, clean_text, sentence
from storage.readers.text_files import json_texts, scan_json_lines, scan_lines
from storage.settings.datasets import DatasetSettings
from storage.settings.table import TimeUnit

_ENDINGS = (".json", ".jsonl")
_SNIFFED_LINES = 20
_PRICE = r"^\s*(?:from )?\$?\s*(\d[\d,]*(?:\.\d+)?)(?:\s|$)"  # what stands there may be a style sheet


@dataclass(frozen=True)
class _Version:
    name: str
    review_fields: dict[str, str]
    time_unit: TimeUnit


_2014_FIELDS = {
    "user_id": "$.reviewerID",
    "item_id": "$.asin",
    "rating": "$.overall",
    "timestamp": "$.unixReviewTime",
    "summary": "$.summary",
    "text": "$.reviewText",
}
_2023_FIELDS = {
    "user_id": "$.user_id",
    "item_id": "$.parent_asin",
    "rating": "$.rating",
    "timestamp": "$.timestamp",
    "summary": "$.title",
    "text": "$.text",
}
_2014 = _Version("Amazon reviews 2014", _2014_FIELDS, "s")
_2018 = _Version("Amazon reviews 2018", _2014_FIELDS, "s")
_2023 = _Version("Amazon reviews 2023", _2023_FIELDS, "ms")


class AmazonReader:
    """Reads a folder, or a zip, with one category's reviews file and its metadata file."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The reviews file and the metadata file."""
        folder = existing_source(source, settings)
        files = [file for file in list_files(folder) if file.name.endswith(_ENDINGS)]
        meta = find_file(files, lambda name: name.startswith("meta_"), "meta_*.json[l][.gz]", folder)
        reviews = find_file(files, lambda name: not name.startswith("meta_"), "of reviews (*.json[l][.gz])", folder)
        return [reviews, meta]

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open reviews and metadata.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format.
        """
        reviews, meta = (file.unpacked(workspace) for file in self.files(source, settings))
        version = _recognise(reviews, meta)
        text = pl.concat_str(pl.col("summary", "text").replace("", None), separator=". ", ignore_nulls=True)
        scan = scan_json_lines(reviews, version.review_fields).then(
            lambda rows: rows.select(
                "row", "user_id", "item_id", "rating", "timestamp", review_text=clean_text(text).replace("", None)
            )
        )
        items = _literal_items(meta, settings) if version is _2014 else _json_items(meta, version, settings)
        return RawDataset(version.name, scan.batches(), reviews, items, version.time_unit)


def _recognise(reviews: Path, meta: Path) -> _Version:
    """2014 or 2018 or 2023, by the first lines of both files."""
    fields = {"old": "$.reviewerID", "new": "$.parent_asin"}
    head = scan_json_lines(reviews, fields).head(_SNIFFED_LINES)
    if head["old"].count():
        lines = scan_lines(meta).head(_SNIFFED_LINES)
        # A literal whose quotes all happen to be double ones reads as JSON; in 2014 categories had another name.
        is_json, is_2014 = (lines["line"].str.json_path_match(path).count() for path in ("$.asin", "$.categories"))
        return _2018 if is_json and not is_2014 else _2014
    if head["new"].count():
        return _2023
    raise DataError(
        "no line is a review in JSON with reviewerID and asin (2014, 2018) or user_id and parent_asin (2023)",
        remedy="Give a category's reviews file as published",
        file=reviews,
        row=1,
    )


def _literal_items(path: Path, settings: DatasetSettings) -> Iterator[pl.DataFrame]:
    """Metadata of 2014, where each line is a Python literal; it is parsed, never executed."""
    schema = {
        "item_id": pl.String,
        "name": pl.String,
        "categories": pl.List(pl.String),
        "brand": pl.String,
        "price": pl.String,
        "description": pl.String,
    }
    check = _MetadataCheck(path, "a Python literal with a field asin", settings)
    for lines in scan_lines(path).batches():
        rows = [_literal(line) for line in lines["line"]]
        check.count(lines, pl.Series([row is not None for row in rows], dtype=pl.Boolean))
        items = pl.DataFrame([row for row in rows if row is not None], schema=schema, orient="row")
        yield _items(items, sentence("By", clean_text(pl.col("brand"))), pl.format("Price: ${}.", "price"))
    check.finish()


def _literal(line: str) -> tuple[str, str, list[str], str, str | None, str] | None:
    """The fields that describe the item itself; ranks and also-bought lists are left behind."""
    try:
        record = ast.literal_eval(line)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("asin"), str):
        return None
    paths, price = record.get("categories"), record.get("price")
    paths = [path for path in paths if isinstance(path, list)] if isinstance(paths, list) else []
    return (
        _plain(record["asin"]),
        _plain(record.get("title")),
        [_plain(name) for path in paths for name in path],
        _plain(record.get("brand")),
        f"{price:.2f}" if isinstance(price, int | float) else None,
        _plain(record.get("description")),
    )


def _plain(value: object) -> str:
    """Text that Unicode can hold: a literal may contain halves of a pair."""
    return str(value or "").encode("utf-8", "replace").decode("utf-8")


def _json_items(path: Path, version: _Version, settings: DatasetSettings) -> Iterator[pl.DataFrame]:
    """Metadata of 2018 and 2023, JSON lines."""
    is_new = version is _2023
    fields = {
        "item_id": "$.parent_asin" if is_new else "$.asin",
        "name": "$.title",
        "path": "$.categories" if is_new else "$.category",
        "brand": "$.store" if is_new else "$.brand",
        "price": "$.price",
        "description": "$.description",
        "features": "$.features" if is_new else "$.feature",
    }
    check = _MetadataCheck(path, f"JSON with a field {fields['item_id'][2:]}", settings)
    for lines in scan_json_lines(path, fields).batches():
        check.count(lines, lines["item_id"].is_not_null())
        items = lines.filter(pl.col("item_id").is_not_null()).select(
            "item_id",
            "name",
            "brand",
            "price",
            # What 2018 calls categories may end in sentences and markup of the page; names are short.
            categories=json_texts(pl.col("path")).list.eval(
                pl.element().filter(~pl.element().str.contains("<") & (pl.element().str.len_chars() <= 60))
            ),
            description=pl.concat_list(
                json_texts(pl.col("description")).fill_null([]), json_texts(pl.col("features")).fill_null([])
            ).list.join(" "),
        )
        price = pl.col("price").str.extract(_PRICE, 1).str.replace_all(",", "")
        yield _items(items, sentence("By", clean_text(pl.col("brand"))), pl.format("Price: ${}.", price))
    check.finish()


def _items(lines: pl.DataFrame, *attributes: pl.Expr) -> pl.DataFrame:
    return lines.select(
        "item_id",
        clean_text(pl.col("name")),
        clean_names(pl.col("categories")),
        attributes=pl.concat_str(*attributes, separator=" ", ignore_nulls=True),
        description=clean_text(pl.col("description")),
    )


class _MetadataCheck:
    """Counts metadata lines that cannot be read; they are skipped under the limit for bad rows."""

    def __init__(self, path: Path, expected: str, settings: DatasetSettings) -> None:
        self._path, self._expected, self._limit = path, expected, settings.bad_row_limit
        self._lines = self._bad = 0
        self._first: int | None = None

    def count(self, lines: pl.DataFrame, good: pl.Series) -> None:
        self._lines += lines.height
        bad = lines["row"].filter(~good)
        self._bad += len(bad)
        self._first = self._first if self._first is not None or len(bad) == 0 else int(bad[0])

    def finish(self) -> None:
        if self._lines > self._bad and self._bad <= self._limit * self._lines:
            return
        raise DataError(
            f"not {self._expected}; {self._bad:,} of {self._lines:,} lines are malformed",
            remedy="Give the metadata file (meta_*) of the same year and category as published",
            file=self._path,
            row=self._first,
            field="asin",
        )
