"""Step `ingest`: a publisher's files, or the sample world, to the canonical tables with their split.

Ratings are checked in batches, spread over files by user, and each file's users are then selected, numbered and split:
memory depends on the numbers of users and items and on the longest file, not on the number of ratings.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from storage.adapters.registry import ADAPTERS
from storage.contracts import INTERACTIONS, ITEMS, SPLIT_NAMES, TRUTH, TRUTH_ASPECTS, USERS
from storage.errors import DataError
from storage.files import publish_json
from storage.ingest.id_codes import IdCodes, numbered
from storage.ingest.item_catalogue import describe, read_items
from storage.ingest.rating_check import RatingCheck
from storage.ingest.selection import Selection, select
from storage.ingest.splits import TimeCuts, add_order_and_split, find_time_cuts
from storage.ingest.train_words import TrainWords
from storage.ingest.user_buckets import UserBuckets
from storage.readers.raw_dataset import RawDataset
from storage.readers.scans import map_ahead
from storage.readers.sources import named_as_published
from storage.run_folder import RunFolder
from storage.settings.datasets import DatasetSettings
from storage.settings.sample import TruthSettings
from storage.tables import publishing_tables
from tasks.step import Summary, step


class IngestSettings(BaseModel):
    """What the ingest step depends on, beside the content of the source files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: DatasetSettings
    source: str | None = Field(default=None, description="folder or file with the publisher's files")

    @property
    def source_path(self) -> Path | None:
        """The source as a path."""
        return None if self.source is None else Path(self.source)


def source_files(settings: IngestSettings) -> list[Path]:
    """Files on the disk that the step would read.

    Raises
    ------
    DataError
        Where the source is missing or has other files than expected.
    """
    files = ADAPTERS[settings.dataset.adapter].files(settings.source_path, settings.dataset)
    return list(dict.fromkeys(file.path for file in files))


@step(
    version="7",
    reads=(),
    writes=("users.parquet", "items.parquet", "interactions.parquet", "ingest.json"),
)
def ingest(folder: RunFolder, settings: IngestSettings) -> Summary:
    """Read, check, split and publish; nothing is published before all of it has been checked.

    Raises
    ------
    DataError
        Where the source cannot be used; the message names file, row and field.
    """
    dataset = settings.dataset
    reader = ADAPTERS[dataset.adapter]
    files = reader.files(settings.source_path, dataset)
    with _workspace(folder) as workspace, named_as_published(files, workspace):
        raw = reader.read(settings.source_path, dataset, workspace)
        buckets, item_codes = UserBuckets(workspace / "buckets", _size(raw.ratings_file)), IdCodes()
        check = _spread(raw, dataset, buckets, item_codes)
        item_ids = item_codes.ids()
        cuts = _time_cuts(buckets) if dataset.split == "time" else None
        selection = select(buckets, len(item_ids), dataset, cuts, workspace)
        users = selection.users
        if users.height == 0:
            raise _nothing_left(selection, dataset)
        # Items that only dropped users rated stay in the catalogue: they can be read, recommended and explained.
        known = (item_ids != "").to_numpy() if dataset.core != "users_and_items" else selection.item_ratings > 0
        catalogue, item_numbers = numbered(item_ids, known, "item_id")

        def ordered(number: int) -> pl.DataFrame:
            rows = selection.rows(number, item_numbers)
            rows = rows.with_columns(like=pl.col("rating") >= dataset.like_threshold)
            return add_order_and_split(rows, dataset.split, dataset.seed, cuts)

        account, words = _Account(), TrainWords(raw.words, users, catalogue)

        def accounted() -> Iterator[pl.DataFrame]:
            for rows in map_ahead(ordered, buckets.numbers()):
                account.add(rows)
                words.add(rows, cuts)
                yield rows

        with publishing_tables() as tables:
            tables.stream(folder.path("interactions.parquet"), accounted(), INTERACTIONS)
            metadata = read_items(raw.items, catalogue["source_id"])
            items, without_metadata = describe(metadata, catalogue, words.frequent(), one_category=dataset.one_category)
            tables.append(folder.path("users.parquet"), users, USERS)
            tables.append(folder.path("items.parquet"), items, ITEMS)
            if raw.truth:
                truth, aspects = _truth(raw, users, items)
                tables.append(folder.path("truth.parquet"), truth, TRUTH)
                tables.append(folder.path("truth_aspects.parquet"), aspects, TRUTH_ASPECTS)
    if raw.truth:
        publish_json(folder.path("truth.json"), dataset.sample.model_dump(include=set(TruthSettings.model_fields)))
    summary: Summary = {
        **_reading_counts(raw, check, selection),
        "interactions_dropped": selection.rows_seen - selection.repeated_pairs - account.total,
        "items_dropped": len(item_ids) - 1 - items.height,
        "items_without_metadata": without_metadata,
        "users": users.height,
        "items": items.height,
        **account.summary(),
    }
    publish_json(folder.path("ingest.json"), summary | {"skipped": [asdict(row) for row in check.skipped]})
    return summary


def _reading_counts(raw: RawDataset, check: RatingCheck, selection: Selection) -> Summary:
    return {
        "version": raw.version,
        "rows_read": check.rows_read,
        "rows_skipped": check.skipped_count,
        "rows_left_out": dict(+raw.left_out),
        "repeated_pairs": selection.repeated_pairs,
        "users_dropped": selection.users_seen - selection.users.height,
    }


@contextmanager
def _workspace(folder: RunFolder) -> Iterator[Path]:
    """A scratch folder beside the run folder; what a killed run left in it is removed first."""
    workspace = folder.root.parent / f".ingest-{folder.root.name}"
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    try:
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _spread(raw: RawDataset, dataset: DatasetSettings, buckets: UserBuckets, items: IdCodes) -> RatingCheck:
    """Check all ratings into the buckets, items under codes; returns the account of the check."""
    check = RatingCheck(raw.ratings_file, dataset, raw.time_unit)
    with buckets:
        for batch in raw.ratings:
            rows = check.accept(batch)
            buckets.append(rows.drop("item_id").with_columns(item=items.encode(rows["item_id"])))
        check.finish()
    return check


def _time_cuts(buckets: UserBuckets) -> TimeCuts:
    return find_time_cuts(lambda: (buckets.read(n, ["timestamp"])["timestamp"] for n in buckets.numbers()))


def _nothing_left(selection: Selection, dataset: DatasetSettings) -> DataError:
    least_of_user, least_of_item = dataset.least_ratings
    items = f" of items with {least_of_item} ratings" if least_of_item > 1 else ""
    return DataError(
        f"{dataset.name}: not one of {selection.users_seen} users has {least_of_user} ratings{items}",
        remedy="Give more data, or lower --set dataset.min_ratings=N (at least 3)",
    )


class _Account:
    """Counts over parts of the interactions."""

    def __init__(self) -> None:
        self._rows = dict.fromkeys(SPLIT_NAMES, 0)
        self._likes = dict.fromkeys(SPLIT_NAMES, 0)
        self._reviews = 0

    def add(self, rows: pl.DataFrame) -> None:
        for split, count, likes in rows.group_by("split").agg(pl.len(), pl.col("like").sum()).iter_rows():
            self._rows[split] += count
            self._likes[split] += likes
        self._reviews += rows.height - rows["review_text"].null_count()

    @property
    def total(self) -> int:
        return sum(self._rows.values())

    def summary(self) -> Summary:
        return {
            "interactions": self.total,
            "like_rate": _rate(sum(self._likes.values()), self.total),
            "with_review": self._reviews,
            "splits": {
                split: {"interactions": self._rows[split], "like_rate": _rate(self._likes[split], self._rows[split])}
                for split in SPLIT_NAMES
            },
        }


def _rate(likes: int, rows: int) -> float | None:
    return round(likes / rows, 4) if rows else None


def _truth(raw: RawDataset, users: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The truth of generated data, under the run's row numbers."""
    by_item = items.select("item_id", pl.col("source_id").alias("item"))
    by_user = users.select("user_id", pl.col("source_id").alias("user"))
    aspects = raw.truth["truth_aspects"].rename({"item_id": "item"}).join(by_item, on="item").drop("item")
    pairs = raw.truth["truth"].rename({"user_id": "user", "item_id": "item"}).join(by_user, on="user")
    return pairs.join(by_item, on="item").drop("user", "item"), aspects
