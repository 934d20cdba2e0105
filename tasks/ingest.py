"""Step `ingest`: a publisher's files, or the sample world, to the canonical tables with their split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from storage.adapters.base import RawTables
from storage.adapters.registry import ADAPTERS
from storage.datasets import DatasetSettings
from storage.errors import DataError
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.splits import add_order_and_split
from storage.tables import INTERACTIONS, ITEMS, SPLIT_NAMES, TRUTH, TRUTH_ASPECTS, USERS, Contract, write_tables
from tasks.step import Summary, step

TAGS_SHOWN = 8


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
    """Files that the step would read.

    Raises
    ------
    DataError
        Where the source is missing or has other files than expected.
    """
    return ADAPTERS[settings.dataset.adapter].files(settings.source_path, settings.dataset)


@step(
    version="2",
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
    raw = ADAPTERS[dataset.adapter].read(settings.source_path, dataset)
    kept, counts = _filter(raw, dataset)
    users = _numbered(kept["user_id"], "user_id")
    # Items that only dropped users rated stay in the catalogue: they can be read, recommended and explained.
    items = _numbered(raw.interactions["item_id"], "item_id").join(
        raw.items.rename({"item_id": "source_id"}), on="source_id", how="left", maintain_order="left"
    )
    without_metadata = items["name"].is_null().sum()
    rows = (
        kept.rename({"user_id": "user", "item_id": "item"})
        .join(users.rename({"source_id": "user"}), on="user")
        .join(items.select("item_id", pl.col("source_id").alias("item")), on="item")
        .with_columns(like=pl.col("rating") >= dataset.like_threshold)
    )
    rows = add_order_and_split(rows, dataset.split, dataset.seed)
    items = _describe(items, rows)
    summary = counts | _account(rows, users, items) | {"items_without_metadata": int(without_metadata)}
    tables = {
        "users.parquet": (users, USERS),
        "items.parquet": (items, ITEMS),
        "interactions.parquet": (rows.select(list(INTERACTIONS.columns)), INTERACTIONS),
    } | _truth(raw, users, items)
    write_tables({folder.path(name): table for name, table in tables.items()})
    skipped = [{"file": s.file, "row": s.row, "field": s.field, "reason": s.reason} for s in raw.skipped]
    publish_json(folder.path("ingest.json"), summary | {"skipped": skipped})
    return summary


def _filter(raw: RawTables, dataset: DatasetSettings) -> tuple[pl.DataFrame, Summary]:
    """The last rating of each pair, of users with enough ratings."""
    rows = raw.interactions
    latest = (
        rows.with_row_index("_row")
        .sort(pl.col("timestamp").fill_null(0), "_row")
        .unique(["user_id", "item_id"], keep="last", maintain_order=True)
        .sort("_row")
        .drop("_row")
    )
    kept = latest.filter(pl.len().over("user_id") >= dataset.min_user_ratings)
    if kept.height == 0:
        raise DataError(
            f"{dataset.name}: not one of {latest['user_id'].n_unique()} users has {dataset.min_user_ratings} ratings",
            remedy="Give more data, or lower --set dataset.min_user_ratings=N (at least 3)",
        )
    return kept, {
        "rows_read": raw.rows_read,
        "rows_skipped": raw.skipped_count,
        "repeated_pairs": rows.height - latest.height,
        "users_dropped": latest["user_id"].n_unique() - kept["user_id"].n_unique(),
        "interactions_dropped": latest.height - kept.height,
    }


def _numbered(ids: pl.Series, name: str) -> pl.DataFrame:
    unique = ids.unique().sort().rename("source_id")
    return pl.DataFrame(unique).select(pl.int_range(pl.len(), dtype=pl.Int64).alias(name), "source_id")


def _describe(items: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Fill what metadata lacks, and add the words that users of train rows gave an item (its tags)."""
    tags = (
        rows.filter(pl.col("split") == "train")
        .select("item_id", pl.col("words").str.to_lowercase().str.split("; ").alias("tag"))
        .explode("tag")
        .drop_nulls("tag")
        .group_by("item_id", "tag")
        .len()
        .sort(["item_id", "len", "tag"], descending=[False, True, False])
        .group_by("item_id", maintain_order=True)
        .agg(tags=pl.col("tag").head(TAGS_SHOWN).str.join(", "))
    )
    name = pl.when(pl.col("name").fill_null("") == "").then("source_id").otherwise("name")
    return (
        items.join(tags, on="item_id", how="left", maintain_order="left")
        .with_columns(
            name=name,
            categories=pl.col("categories").fill_null([]),
            attributes=pl.concat_str(
                pl.col("attributes").replace("", None), pl.format("Tags: {}.", "tags"), separator=" ", ignore_nulls=True
            ).fill_null(""),
            description=pl.col("description").fill_null(""),
        )
        .select(list(ITEMS.columns))
    )


def _account(rows: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame) -> Summary:
    splits: Summary = {}
    for split in SPLIT_NAMES:
        part = rows.filter(pl.col("split") == split)
        splits[split] = {"interactions": part.height, "like_rate": _like_rate(part)}
    return {
        "users": users.height,
        "items": items.height,
        "interactions": rows.height,
        "like_rate": _like_rate(rows),
        "with_review": rows.height - rows["review_text"].null_count(),
        "splits": splits,
    }


def _like_rate(rows: pl.DataFrame) -> float | None:
    return round(float(np.mean(rows["like"].to_numpy())), 4) if rows.height else None


def _truth(raw: RawTables, users: pl.DataFrame, items: pl.DataFrame) -> dict[str, tuple[pl.DataFrame, Contract]]:
    """The truth of generated data, under the run's row numbers."""
    if not raw.truth:
        return {}
    by_item = items.select("item_id", pl.col("source_id").alias("item"))
    by_user = users.select("user_id", pl.col("source_id").alias("user"))
    aspects = raw.truth["truth_aspects"].rename({"item_id": "item"}).join(by_item, on="item").drop("item")
    pairs = raw.truth["truth"].rename({"user_id": "user", "item_id": "item"}).join(by_user, on="user")
    return {
        "truth_aspects.parquet": (aspects, TRUTH_ASPECTS),
        "truth.parquet": (pairs.join(by_item, on="item").drop("user", "item"), TRUTH),
    }
