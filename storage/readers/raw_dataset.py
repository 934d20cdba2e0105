"""What every reader yields: ratings and items of one dataset, in batches, under the publisher's own ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import polars as pl

from storage.settings.table import TimeUnit

UNRATED = "entries without a rating"
NO_WORDS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "word": pl.String, "timestamp": pl.Int64})


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its publisher ships it. Each of the two streams can be read once.

    Parameters
    ----------
    version
        What was recognised, for people: `Amazon reviews 2014`.
    ratings
        Batches with row (1-based line or record), user_id, item_id, rating and, where the source has them, timestamp
        and review_text. Values are as found, text or numbers; `storage/ingest/rating_check.py` judges them.
    ratings_file
        Where the ratings stand: its name is used in messages, its size says how far to spread the rows.
    items
        Batches with item_id, name, categories (list), attributes, description. Of an item listed twice the last counts.
    time_unit
        Unit of the timestamps.
    words
        What users called items, such as tags: user_id, item_id, word, timestamp (seconds).
    left_out
        Rows that are sound but no part of the dataset, by the reason; complete once `ratings` are read to their end.
    truth
        For generated data: the true P(like) of every pair and the true aspects of every item.
    """

    version: str
    ratings: Iterable[pl.DataFrame]
    ratings_file: Path
    items: Iterable[pl.DataFrame]
    time_unit: TimeUnit = "s"
    words: pl.DataFrame = field(default_factory=lambda: NO_WORDS)
    left_out: Counter[str] = field(default_factory=Counter)
    truth: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def keeping(rows: pl.Expr, left_out: Counter[str], why: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A step of a scan that keeps some rows and counts the others."""
    counting = Lock()  # several blocks go through a step at the same time

    def kept(batch: pl.DataFrame) -> pl.DataFrame:
        chosen = batch.filter(rows)
        with counting:
            left_out[why] += batch.height - chosen.height
        return chosen

    return kept
