"""Amazon product reviews as published in 2014 (McAuley lab): 5-core reviews as JSON lines, metadata as Python literals.

Format: https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html. Sales rank and also-bought lists are site-wide
aggregates over all users and all time, so they are not read.
"""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl

from storage.adapters.base import (
    LISTED,
    RawTables,
    check_ratings,
    clean_text,
    decode,
    existing_source,
    read_bytes,
)
from storage.datasets import DatasetSettings
from storage.errors import DataError

_FIELDS = {
    "user_id": "$.reviewerID",
    "item_id": "$.asin",
    "rating": "$.overall",
    "timestamp": "$.unixReviewTime",
    "summary": "$.summary",
    "text": "$.reviewText",
}
_ENDINGS = (".json.gz", ".json", ".jsonl.gz", ".jsonl")


class AmazonReader:
    """Reads a folder with `reviews_*.json[.gz]` and `meta_*.json[.gz]`."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[Path]:
        """The reviews file and the metadata file."""
        folder = existing_source(source, settings)
        return [_find(folder, "reviews"), _find(folder, "meta")]

    def read(self, source: Path | None, settings: DatasetSettings) -> RawTables:
        """Read reviews and metadata.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format, or too many rows are malformed.
        """
        reviews_file, meta_file = self.files(source, settings)
        lines = _lines(reviews_file)
        raw = lines.select("row", *(pl.col("line").str.json_path_match(p).alias(n) for n, p in _FIELDS.items()))
        if raw.height and raw.select(pl.all_horizontal(pl.col(list(_FIELDS)).is_null()).all()).item():
            raise DataError(
                "no line is a review in JSON with reviewerID, asin, overall, unixReviewTime",
                remedy="Give the 2014 reviews file (reviews_*_5.json.gz) as published",
                file=reviews_file,
                row=1,
            )
        good, skipped = check_ratings(raw, reviews_file, settings)
        interactions = good.select(
            "user_id",
            "item_id",
            "rating",
            "timestamp",
            review_text=clean_text(
                pl.concat_str(pl.col("summary", "text").replace("", None), separator=". ", ignore_nulls=True)
            ).replace("", None),
            words=pl.lit(None, dtype=pl.String),
        )
        items = _read_items(meta_file, settings)
        return RawTables(interactions, items, raw.height, len(skipped), skipped[:LISTED])


def _find(folder: Path, prefix: str) -> Path:
    if not folder.is_dir():
        raise DataError(
            "expected a folder with the reviews file and the metadata file",
            remedy="Give the folder that holds reviews_*.json.gz and meta_*.json.gz",
            file=folder,
        )
    found = [path for path in sorted(folder.glob(f"{prefix}_*")) if path.name.endswith(_ENDINGS)]
    if len(found) != 1:
        named = ", ".join(path.name for path in found) or "none"
        raise DataError(
            f"expected one file {prefix}_*.json or {prefix}_*.json.gz, found {named}",
            remedy="Put one category's two files in a folder of their own",
            file=folder,
        )
    return found[0]


def _lines(path: Path) -> pl.DataFrame:
    lines = decode(read_bytes(path), path).split("\n")
    return (
        pl.DataFrame({"line": lines}, schema={"line": pl.String})
        .with_row_index("row", offset=1)
        .filter(pl.col("line").str.strip_chars() != "")
    )


def _read_items(path: Path, settings: DatasetSettings) -> pl.DataFrame:
    rows, bad = [], []
    lines = _lines(path)
    for row, line in lines.iter_rows():
        try:
            record = ast.literal_eval(line)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("asin"), str):
            rows.append(_item(record))
        else:
            bad.append(row)
    if not rows or len(bad) > settings.bad_row_limit * lines.height:
        raise DataError(
            f"not a Python literal with a field asin; {len(bad)} of {lines.height} lines are malformed",
            remedy="Give the 2014 metadata file (meta_*.json.gz) as published",
            file=path,
            row=bad[0] if bad else None,
            field="asin",
        )
    schema = {
        "item_id": pl.String,
        "name": pl.String,
        "categories": pl.List(pl.String),
        "brand": pl.String,
        "price": pl.String,
        "description": pl.String,
    }
    items = pl.DataFrame(rows, schema=schema, orient="row").unique("item_id", keep="last", maintain_order=True)
    items = items.select(
        "item_id",
        clean_text(pl.col("name")),
        pl.col("categories").list.eval(clean_text(pl.element())).list.unique(maintain_order=True),
        attributes=pl.concat_str(
            pl.format("By: {}.", clean_text(pl.col("brand")).replace("", None)),
            pl.format("Price: ${}.", pl.col("price")),
            separator=" ",
            ignore_nulls=True,
        ),
        description=clean_text(pl.col("description")),
    )
    return _drop_common_categories(items)


def _item(record: dict[str, object]) -> tuple[str, str, list[str], str, str | None, str]:
    """The fields that describe the item itself; ranks and also-bought lists are left behind."""
    paths, price = record.get("categories"), record.get("price")
    paths = [path for path in paths if isinstance(path, list)] if isinstance(paths, list) else []
    return (
        str(record["asin"]),
        str(record.get("title") or ""),
        [str(name) for path in paths for name in path],
        str(record.get("brand") or ""),
        f"{price:.2f}" if isinstance(price, int | float) else None,
        str(record.get("description") or ""),
    )


def _drop_common_categories(items: pl.DataFrame) -> pl.DataFrame:
    """A category that nearly every item has (the shop's root) says nothing."""
    counts = items.select(pl.col("categories").explode()).to_series().value_counts()
    common = counts.filter(pl.col("count") > 0.9 * items.height)["categories"].drop_nulls().to_list()
    return items.with_columns(pl.col("categories").list.set_difference(common).list.sort())
