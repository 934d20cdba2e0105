"""What a dataset looks like once it is read: counts, shapes, what was dropped, and what looks wrong."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from storage.run_folder import RunFolder
from tasks.step import Summary
from tasks.steps.ingest import IngestSettings, ingest

_HISTORY_EDGES = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
_FEW_TEST_ROWS = 500
_MOST_BARS = 20
_MANY_ZEROS = 0.2
_TWO = 2  # of a scale of 0 and 1, 0 is a rating


class DatasetAccount(BaseModel):
    """An account of a dataset under its profile.

    Parameters
    ----------
    summary
        What the ingest step reports: version, rows read, skipped and dropped, users, items, interactions, splits.
    skipped
        The first malformed rows: file, row, field, reason.
    ratings
        Each rating and how often it was given; of more than twenty different ones, ranges by their lower end.
    histories
        How many users have that many ratings or more, up to the next number.
    density
        Interactions over users times items.
    with_review
        Share of interactions with a text.
    first, last
        Dates of the earliest and the latest interaction; None without timestamps.
    warnings
        What is likely to be wrong with the data or its settings.
    """

    model_config = ConfigDict(frozen=True)

    summary: Summary
    skipped: list[dict[str, str | int]]
    ratings: list[tuple[float, int]]
    histories: list[tuple[int, int]]
    density: float
    with_review: float
    first: str | None
    last: str | None
    warnings: list[str]


def account_for(settings: IngestSettings, scratch: Path) -> DatasetAccount:
    """Read a dataset as the pipeline would, into a folder that the caller removes, and describe it.

    Raises
    ------
    DataError
        Where the dataset cannot be used.
    """
    folder = RunFolder(scratch / settings.dataset.name)
    summary = ingest.function(folder, settings)
    rows = pl.scan_parquet(folder.path("interactions.parquet"))
    ratings = rows.group_by("rating").len().sort("rating").collect()
    lengths = rows.group_by("user_id").len().collect()["len"]
    span = rows.select(
        first=pl.col("timestamp").min(),
        last=pl.col("timestamp").max(),
        moments=pl.col("timestamp").approx_n_unique(),
        untimed=pl.col("timestamp").null_count(),
        future=(pl.col("timestamp") > int(time.time())).sum(),
        texts=pl.col("review_text").count(),
    ).collect()
    first, last, moments, untimed, future, texts = span.row(0)
    total = int(str(summary["interactions"]))
    place = np.searchsorted(_HISTORY_EDGES, lengths.to_numpy(), side="right") - 1
    counted = np.bincount(np.maximum(place, 0), minlength=len(_HISTORY_EDGES))
    return DatasetAccount(
        summary=summary,
        skipped=pl.read_json(folder.path("ingest.json")).to_dicts()[0]["skipped"][:5],
        ratings=_histogram(ratings),
        histories=[(edge, int(count)) for edge, count in zip(_HISTORY_EDGES, counted, strict=True)],
        density=total / (int(str(summary["users"])) * int(str(summary["items"]))),
        with_review=texts / total,
        first=_date(first),
        last=_date(last),
        warnings=_warnings(
            summary,
            largest_share=float(lengths.max() or 0) / total,  # type: ignore[arg-type]  # a count
            n_ratings=ratings.height,
            moments=0 if first is None else moments,
            untimed=0 if first is None else untimed,
            zeros=float(ratings.filter(pl.col("rating") == 0)["len"].sum()) / total if ratings.height > _TWO else 0.0,
            future=future,
        ),
    )


def _histogram(ratings: pl.DataFrame) -> list[tuple[float, int]]:
    """Each rating (ascending) and its count, `len`; of many different ones, twenty equal ranges by their lower end."""
    values, counts = ratings["rating"].to_numpy(), ratings["len"].to_numpy()
    if len(values) > _MOST_BARS:
        counts, edges = np.histogram(values, _MOST_BARS, weights=counts)
        values = edges[:-1].round(4)
    return [(float(value), int(count)) for value, count in zip(values, counts, strict=True)]


def _date(seconds: int | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _warnings(
    summary: Summary, *, largest_share: float, n_ratings: int, moments: int, untimed: int, future: int, zeros: float
) -> list[str]:
    found = []
    like_rate = float(str(summary["like_rate"]))
    if largest_share >= 0.5:
        found.append(f"One user has {largest_share:.0%} of all ratings: is the user column the right one?")
    if n_ratings == 1:
        found.append("All ratings are equal: there is nothing to learn. Is the rating column the right one?")
    if like_rate > 0.95:
        found.append(
            f"{like_rate:.1%} of all ratings are likes, so that nothing can tell models apart. "
            "Raise dataset.like_threshold."
        )
    if like_rate < 0.05:
        found.append(f"Only {like_rate:.1%} of all ratings are likes. Lower dataset.like_threshold.")
    if summary["repeated_pairs"]:
        found.append(
            f"{summary['repeated_pairs']:,} rows rate an item that the user rated before; the last one counts."
        )
    if moments == 0:
        found.append(
            "There are no timestamps: each user's ratings are put in a seeded order, and the split `time` fails."
        )
    if zeros > _MANY_ZEROS:
        found.append(
            f"{zeros:.0%} of all ratings are 0. Where that stands for no rating, leave them out: "
            "--set dataset.table.unrated=0, or recaudience datasets add --unrated 0"
        )
    if untimed:
        found.append(f"{untimed:,} ratings have no timestamp: they are put before all others of their user.")
    if moments == 1:
        found.append("All timestamps are the same: order within a user is by item id.")
    if future:
        found.append(f"{future:,} timestamps lie in the future: is dataset.table.time_unit right?")
    if int(str(summary["items_without_metadata"])) > 0.1 * int(str(summary["items"])):
        found.append(
            f"{summary['items_without_metadata']:,} of {summary['items']:,} items have no metadata: the language model "
            "can read only their reviews."
        )
    test = int(str(summary["splits"]["test"]["interactions"]))  # type: ignore[index,call-overload]  # see ingest
    if test < _FEW_TEST_ROWS:
        found.append(f"Only {test:,} test rows: confidence intervals will be wide.")
    return found
