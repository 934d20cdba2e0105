"""The check that every rating passes: sound rows are typed, malformed ones are skipped, counted and listed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.ids import id_text
from storage.readers.rating_texts import rating_numbers
from storage.readers.timestamps import seconds
from storage.settings.datasets import DatasetSettings
from storage.settings.table import TimeUnit

_LISTED = 100
_CHECKED = ("user_id", "item_id", "rating", "timestamp")
_FOUND_CHARACTERS = 40


@dataclass(frozen=True)
class SkippedRow:
    """A malformed row that was skipped: file name, 1-based line or record, column and reason."""

    file: str
    row: int
    field: str
    reason: str


@dataclass
class RatingCheck:
    """Checks batches of ratings and records what was skipped.

    Parameters
    ----------
    file
        The file of the rows, for messages.
    settings
        Rating scale and the share of malformed rows that is tolerated.
    time_unit
        Unit of the timestamps.
    """

    file: Path
    settings: DatasetSettings
    time_unit: TimeUnit = "s"
    rows_read: int = 0
    skipped_count: int = 0
    skipped: list[SkippedRow] = field(default_factory=list)

    def accept(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The sound rows of a batch: user_id, item_id, rating (float32), timestamp (int64 seconds), review_text.

        A timestamp that is no time makes a row malformed. In a table of one's own it may be null, as may review_text.
        """
        typed = self._typed(batch)
        sound = pl.all_horizontal(pl.col("user", "item", "value").is_not_null())
        if "timestamp" in batch.columns:
            own_table = self.settings.adapter == "table"  # a publisher's row without a time is a damaged one
            sound &= pl.col("time").is_not_null() | (pl.lit(own_table) & ~pl.col("has_time"))
        typed = typed.with_columns(sound=sound)
        self.rows_read += batch.height
        if not typed["sound"].all():
            self._skip(batch.filter(~typed["sound"]))
            typed = typed.filter("sound")
        return typed.select(user_id="user", item_id="item", rating="value", timestamp="time", review_text="review_text")

    def finish(self) -> None:
        """Check the counts of the whole file.

        Raises
        ------
        DataError
            Where there were no rows, or more malformed ones than the limit; the message names the first of them.
        """
        if self.rows_read == 0:
            raise DataError(
                "no rows", remedy="Check that this is the ratings file and that it is complete", file=self.file
            )
        if self.skipped_count <= self.settings.bad_row_limit * self.rows_read:
            return
        first = self.skipped[0]
        raise DataError(
            f"{first.reason} (expected {self._expected(first.field)}); {self.skipped_count:,} of {self.rows_read:,} "
            f"rows are malformed, more than the limit of {self.settings.bad_row_limit:.1%}",
            remedy="Correct the rows, or raise the limit with --set dataset.bad_row_limit=SHARE",
            file=self.file,
            row=first.row,
            field=first.field,
        )

    def _typed(self, batch: pl.DataFrame) -> pl.DataFrame:
        rating = pl.col("rating").map_batches(_number, return_dtype=pl.Float32)
        schema = batch.schema
        in_scale = rating.is_between(self.settings.rating_min, self.settings.rating_max)  # never true of NaN
        return batch.select(
            id_text("user_id", schema["user_id"]).alias("user"),
            id_text("item_id", schema["item_id"]).alias("item"),
            value=pl.when(in_scale).then(rating),
            time=seconds("timestamp", batch.schema["timestamp"], self.time_unit)
            if "timestamp" in batch.columns
            else pl.lit(None, pl.Int64),
            has_time=_text("timestamp").is_not_null() if "timestamp" in batch.columns else pl.lit(value=False),
            review_text=pl.col("review_text") if "review_text" in batch.columns else pl.lit(None, pl.String),
        )

    def _skip(self, bad: pl.DataFrame) -> None:
        self.skipped_count += bad.height
        listed = bad.head(_LISTED - len(self.skipped))
        shown = listed.select("row", *(_text(name).alias(name) for name in _CHECKED if name in listed.columns))
        for row in shown.iter_rows(named=True):
            self.skipped.append(SkippedRow(self.file.name, row["row"], *self._reason(row)))

    def _reason(self, row: dict[str, str | None]) -> tuple[str, str]:
        """The field that is wrong with a bad row, and why."""
        low, high = self.settings.rating_min, self.settings.rating_max
        user, item, rating = (row[name] for name in _CHECKED[:3])
        if user is None and item is None and rating is None:
            return "row", "not readable as a rating"
        if user is None or item is None:
            return ("user_id" if user is None else "item_id"), "missing"
        number = pl.Series([rating]).cast(pl.Float32, strict=False)
        if not number.is_finite().all() or number.has_nulls():
            return "rating", f"{_shown(rating)} is not a number"
        if not number.is_between(low, high).all():
            return "rating", f"{_shown(rating)} is outside {low:g} to {high:g}"
        return "timestamp", f"{_shown(row.get('timestamp'))} is not a time in {self._unit}"

    @property
    def _unit(self) -> str:
        return "ISO 8601" if self.time_unit == "iso" else f"{self.time_unit} since 1970"

    def _expected(self, name: str) -> str:
        return {
            "rating": f"a number from {self.settings.rating_min:g} to {self.settings.rating_max:g}",
            "timestamp": f"a time in {self._unit}",
            "row": "user, item and rating",
        }.get(name, "an id")


def _shown(value: str | None) -> str:
    return "nothing" if value is None else value[:_FOUND_CHARACTERS]


def _text(name: str) -> pl.Expr:
    """An id as text without blanks around it; null where nothing is left."""
    return pl.col(name).cast(pl.String).str.strip_chars().replace("", None)


def _number(values: pl.Series) -> pl.Series:
    """Float32; null where a value is no number. Only where one is not are blanks looked for."""
    numbers = values.cast(pl.Float32, strict=False)
    if values.dtype != pl.String or numbers.null_count() == values.null_count():
        return numbers
    return rating_numbers(values).cast(pl.Float32)
