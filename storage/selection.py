"""Which rows of a dataset stay: the last of each repeated pair, of users (and items) with enough ratings.

Works bucket by bucket and keeps one bit a row, so that memory hardly grows with the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage.datasets import DatasetSettings
from storage.splits import TimeCuts
from storage.user_buckets import UserBuckets


@dataclass(frozen=True)
class Selection:
    """What stays, and the account of what does not.

    Parameters
    ----------
    kept
        By bucket: one bit a row, packed.
    user_ratings, item_ratings
        Kept ratings of each user and item code.
    users_seen, rows_seen, repeated_pairs
        Counts before any filter.
    """

    kept: dict[int, NDArray[np.uint8]]
    user_ratings: NDArray[np.int64]
    item_ratings: NDArray[np.int64]
    users_seen: int
    rows_seen: int
    repeated_pairs: int

    @property
    def rows_kept(self) -> int:
        """Interactions that stay."""
        return int(self.user_ratings.sum())

    def rows(self, number: int, bucket: pl.DataFrame) -> pl.DataFrame:
        """The kept rows of a bucket that was read whole."""
        mask = np.unpackbits(self.kept[number], count=bucket.height).astype(bool)
        return bucket.filter(pl.Series(mask))


def select(
    buckets: UserBuckets,
    *,
    n_users: int,
    n_items: int,
    settings: DatasetSettings,
    cuts: TimeCuts | None,
    workspace: Path,
) -> Selection:
    """Decide which rows stay.

    Parameters
    ----------
    buckets
        Checked ratings: user, item (codes), timestamp.
    n_users, n_items
        Numbers of codes.
    settings
        `core` and `min_ratings`.
    cuts
        Of the split `time`. Of a repeated pair the last row before the first cut stays: a later opinion must neither
        replace nor repeat what was known then.
    workspace
        Takes scratch files.
    """
    pairs = _Pairs(workspace)
    users_seen = rows_seen = rows_distinct = 0
    for number in buckets.numbers():
        keys = buckets.read(number, ["user", "item", "timestamp"])
        last = _last_of_pairs(keys, cuts)
        users_seen += last["user"].n_unique()
        rows_seen += keys.height
        rows_distinct += last.height
        pairs.put(number, keys.height, *(last[name].to_numpy() for name in ("row", "user", "item")))
    user_ratings, item_ratings = _core(pairs, n_users, n_items, settings)
    kept = {}
    for number, height in pairs.heights.items():
        mask = np.zeros(height, dtype=bool)
        mask[pairs.get(number)[0]] = True
        kept[number] = np.packbits(mask)
    return Selection(kept, user_ratings, item_ratings, users_seen, rows_seen, rows_seen - rows_distinct)


class _Pairs:
    """(row, user, item) of the rows that still stand, a bucket at a time, in scratch files."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self.heights: dict[int, int] = {}

    def put(
        self, number: int, height: int, rows: NDArray[np.uint32], users: NDArray[np.uint32], items: NDArray[np.uint32]
    ) -> None:
        self.heights[number] = height
        np.save(self._path(number), np.stack([rows, users, items]))

    def get(self, number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        rows, users, items = np.load(self._path(number), allow_pickle=False)
        return rows, users, items

    def keep(self, number: int, stays: NDArray[np.bool_]) -> None:
        rows, users, items = self.get(number)
        self.put(number, self.heights[number], rows[stays], users[stays], items[stays])

    def _path(self, number: int) -> Path:
        return self._workspace / f"pairs-{number:03d}.npy"


def _last_of_pairs(keys: pl.DataFrame, cuts: TimeCuts | None) -> pl.DataFrame:
    """The last row of each (user, item) pair in time, then in the file; with cuts, within its earliest part."""
    keys = keys.with_row_index("row").with_columns(pair=pl.col("user").cast(pl.UInt64) * 2**32 + pl.col("item"))
    if cuts is not None:
        keys = keys.with_columns(part=cuts.part("timestamp"))
        keys = keys.filter(pl.col("part") == pl.col("part").min().over("pair"))
    repeated = keys["pair"].is_duplicated()
    if not repeated.any():
        return keys
    in_time = keys.filter(repeated).sort(pl.col("timestamp").fill_null(0), "row")
    last = in_time.unique("pair", keep="last", maintain_order=True)
    return pl.concat([keys.filter(~repeated), last]).sort("row")


def _core(
    pairs: _Pairs, n_users: int, n_items: int, settings: DatasetSettings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Drop users, and where asked for items, with too few ratings until all have enough; ratings left of each."""
    least_of_user, least_of_item = settings.least_ratings
    item_stands = np.ones(n_items, dtype=bool)
    while True:
        of_users, of_items = np.zeros(n_users, dtype=np.int64), np.zeros(n_items, dtype=np.int64)
        for number in pairs.heights:
            _, users, items = pairs.get(number)
            stays = item_stands[items]
            counts = np.bincount(users[stays], minlength=n_users)  # a user's rows stand in one bucket
            stays &= counts[users] >= least_of_user
            if not stays.all():
                pairs.keep(number, stays)
            of_users += np.bincount(users[stays], minlength=n_users)
            of_items += np.bincount(items[stays], minlength=n_items)
        if not ((of_items > 0) & (of_items < least_of_item)).any():
            return of_users, of_items
        item_stands = of_items >= least_of_item
