"""What every reader yields: ratings and items of one dataset, in batches, under the publisher's own ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Protocol

import polars as pl

from storage.adapters.sources import SourceFile, unreadable
from storage.datasets import DatasetSettings
from storage.timestamps import TimeUnit

BATCH_ROWS = 250_000
_BATCHES_AHEAD = 2
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
        and review_text. Values are as found, text or numbers; `storage/rating_check.py` judges them.
    ratings_file
        Where the ratings stand: its name is used in messages, its size says how far to spread the rows.
    items
        Batches with item_id, name, categories (list), attributes, description. Of an item listed twice the last counts.
    time_unit
        Unit of the timestamps.
    words
        What users called items, such as tags: user_id, item_id, word, timestamp (seconds).
    truth
        For generated data: the true P(like) of every pair and the true aspects of every item.
    """

    version: str
    ratings: Iterable[pl.DataFrame]
    ratings_file: Path
    items: Iterable[pl.DataFrame]
    time_unit: TimeUnit = "s"
    words: pl.DataFrame = field(default_factory=lambda: NO_WORDS)
    truth: Mapping[str, pl.DataFrame] = field(default_factory=dict)


class Adapter(Protocol):
    """A reader of what one publisher ships, in all its versions."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The files that `read` would read; their hashes are part of the cache key."""
        ...

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open the dataset; packed files are unpacked below `workspace`, which the caller removes."""
        ...


def in_batches(frame: pl.LazyFrame, file: Path) -> Iterator[pl.DataFrame]:
    """Rows of a scan in their order, a bounded number at a time; the scan waits for whoever takes them.

    Raises
    ------
    DataError
        Where the file cannot be read; the line is named where it can be found.
    """
    batches: Queue[pl.DataFrame | None] = Queue(_BATCHES_AHEAD)
    stopped, ended = Event(), False

    def put(batch: pl.DataFrame) -> bool:
        batches.put(batch)
        return stopped.is_set()

    def scan() -> None:
        try:
            frame.sink_batches(put, chunk_size=BATCH_ROWS, maintain_order=True)
        finally:
            batches.put(None)

    with ThreadPoolExecutor(1, thread_name_prefix=f"scan {file.name}") as thread:
        scanning = thread.submit(scan)
        try:
            while (batch := batches.get()) is not None:
                yield batch
            ended = True
        finally:
            stopped.set()
            while not ended:
                ended = batches.get() is None
        try:
            scanning.result()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise unreadable(file, error) from error
