"""What every reader yields, and the checks that all share."""

from __future__ import annotations

import gzip
import html
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from storage.datasets import DatasetSettings
from storage.errors import DataError

LISTED = 100
_TAG = r"<[^<>]{1,200}>"
_BLANK = r"[\s\p{C}]+"  # white space, control and other invisible characters


@dataclass(frozen=True)
class SkippedRow:
    """A malformed row that was left out: file name, 1-based line, column and what was wrong with it."""

    file: str
    row: int
    field: str
    reason: str


@dataclass(frozen=True)
class RawTables:
    """A dataset under its own ids.

    Parameters
    ----------
    interactions
        user_id, item_id (strings), rating (float32), timestamp (int64 seconds or null), review_text (or null), words
        (what the user called the item, such as tags, joined by '; '; or null).
    items
        item_id, name, categories (list), attributes, description.
    rows_read, skipped_count, skipped
        How many rating rows were read and skipped; the first hundred skipped ones.
    truth
        For generated data: the true P(like) of every pair and the true aspects of every item.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    rows_read: int
    skipped_count: int = 0
    skipped: list[SkippedRow] = field(default_factory=list)
    truth: Mapping[str, pl.DataFrame] = field(default_factory=dict)


class Adapter(Protocol):
    """A reader of one published format."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[Path]:
        """The files that `read` would read; their hashes are part of the cache key."""
        ...

    def read(self, source: Path | None, settings: DatasetSettings) -> RawTables:
        """Read the dataset."""
        ...


def existing_source(source: Path | None, settings: DatasetSettings) -> Path:
    """The source path, or an error that says where the files come from.

    Raises
    ------
    DataError
        Where no source was given or it does not exist.
    """
    remedy = f"Give the folder with the publisher's files as --source (make: SOURCE=). {settings.origin}".strip()
    if source is None:
        raise DataError(f"dataset {settings.name!r} needs its source files and no source was given", remedy=remedy)
    if not source.exists():
        raise DataError("no such file or folder", remedy=remedy, file=source)
    return source


def read_bytes(path: Path) -> bytes:
    """Content of a file, unpacked where its name ends in .gz.

    Raises
    ------
    DataError
        Where it is truncated or not what its name says.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"truncated or damaged gzip file ({error})", remedy="Fetch the file again from its publisher", file=path
        ) from error


def decode(content: bytes, path: Path) -> str:
    """UTF-8 text of a file.

    Raises
    ------
    DataError
        Where it is not UTF-8; the line is named.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"not UTF-8 text (byte {content[error.start]:#04x})",
            remedy="Convert the file to UTF-8, or fetch it again",
            file=path,
            row=content.count(b"\n", 0, error.start) + 1,
        ) from error


def clean_text(text: pl.Expr) -> pl.Expr:
    """Text without HTML remnants and control characters, white space folded."""
    return (
        text.map_elements(html.unescape, return_dtype=pl.String)
        .str.replace_all(_TAG, " ")
        .str.replace_all(_BLANK, " ")
        .str.strip_chars()
    )


def check_ratings(raw: pl.DataFrame, file: Path, settings: DatasetSettings) -> tuple[pl.DataFrame, list[SkippedRow]]:
    """Turn columns of text into typed ratings; malformed rows are listed, not repaired.

    Parameters
    ----------
    raw
        Columns row (1-based line), user_id, item_id, rating, timestamp as text; others pass through. A timestamp may
        be missing in the whole column, not in some rows.
    file
        Where the rows stand, for messages.
    settings
        Rating scale and the share of bad rows that is tolerated.

    Returns
    -------
    The good rows, and one entry for each bad row.

    Raises
    ------
    DataError
        Where there are no rows, or more bad ones than the limit; the first bad row is named.
    """
    if raw.height == 0:
        raise DataError("no rows", remedy="Check that this is the ratings file and that it is complete", file=file)
    rating = pl.col("rating").str.strip_chars().cast(pl.Float32, strict=False)
    timestamp = pl.col("timestamp").str.strip_chars().cast(pl.Float64, strict=False)
    has_time = raw["timestamp"].null_count() < raw.height
    low, high = settings.rating_min, settings.rating_max

    def found(name: str) -> pl.Expr:
        return pl.col(name).fill_null("nothing").str.slice(0, 40)

    problem = (
        pl.when(pl.all_horizontal(pl.col("user_id", "item_id", "rating").is_null()))
        .then(pl.lit("row: not readable as a rating"))
        .when(pl.col("user_id").fill_null("").str.strip_chars() == "")
        .then(pl.lit("user_id: missing"))
        .when(pl.col("item_id").fill_null("").str.strip_chars() == "")
        .then(pl.lit("item_id: missing"))
        .when(rating.is_null() | ~rating.is_finite())
        .then(pl.format("rating: {} is not a number", found("rating")))
        .when(~rating.is_between(low, high))
        .then(pl.format("rating: {} is outside {} to {}", found("rating"), pl.lit(low), pl.lit(high)))
        .when(pl.lit(has_time) & (timestamp.is_null() | ~timestamp.is_between(0, 2**40)))
        .then(pl.format("timestamp: {} is not in unix seconds", found("timestamp")))
    )
    checked = raw.with_columns(_problem=problem)
    bad = checked.filter(pl.col("_problem").is_not_null())
    skipped = [
        SkippedRow(file.name, row, *text.split(": ", maxsplit=1))
        for row, text in zip(bad["row"].to_list(), bad["_problem"].to_list(), strict=True)
    ]
    if len(skipped) > settings.bad_row_limit * raw.height:
        first = skipped[0]
        raise DataError(
            f"{first.reason} (expected {_expected(first.field, settings)}); {len(skipped)} of {raw.height} rows are "
            f"malformed, more than the limit of {settings.bad_row_limit:.1%}",
            remedy="Mend the rows, or raise the limit with --set dataset.bad_row_limit=SHARE",
            file=file,
            row=first.row,
            field=first.field,
        )
    good = checked.filter(pl.col("_problem").is_null()).with_columns(
        pl.col("user_id").str.strip_chars(),
        pl.col("item_id").str.strip_chars(),
        rating=rating,
        timestamp=timestamp.cast(pl.Int64),
    )
    return good.drop("_problem", "row"), skipped


def _expected(name: str, settings: DatasetSettings) -> str:
    return {
        "rating": f"a number from {settings.rating_min:g} to {settings.rating_max:g}",
        "timestamp": "seconds since 1970",
        "row": "user, item and rating",
    }.get(name, "an id")
