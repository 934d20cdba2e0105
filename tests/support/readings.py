"""A dataset read to its end, as tests look at it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.adapters.registry import Adapter
from storage.ingest.item_catalogue import read_items
from storage.ingest.rating_check import RatingCheck, SkippedRow
from storage.settings.datasets import DatasetSettings


@dataclass(frozen=True)
class Reading:
    version: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    words: pl.DataFrame
    rows_read: int
    skipped_count: int
    skipped: list[SkippedRow]


def read_all(adapter: Adapter, source: Path | None, settings: DatasetSettings) -> Reading:
    """Everything that a reader yields, ratings through the check that every rating passes."""
    with tempfile.TemporaryDirectory() as workspace:
        raw = adapter.read(source, settings, Path(workspace))
        check = RatingCheck(raw.ratings_file, settings, raw.time_unit)
        empty = pl.DataFrame(
            schema={
                "user_id": pl.String,
                "item_id": pl.String,
                "rating": pl.Float32,
                "timestamp": pl.Int64,
                "review_text": pl.String,
            }
        )
        rows = pl.concat([empty, *(check.accept(batch) for batch in raw.ratings)])
        check.finish()
        batches = list(raw.items)
        ids = pl.concat([pl.Series([], dtype=pl.String), *(batch["item_id"] for batch in batches)])
        items = read_items(batches, ids)
        return Reading(raw.version, rows, items, raw.words, check.rows_read, check.skipped_count, check.skipped)
