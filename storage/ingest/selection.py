"""The rows of a dataset that are kept, and their numbers: the last row of each pair, of users and items with enough.

Works bucket by bucket, with scratch files in between, so that memory hardly grows with the number of rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage.ingest.id_codes import IdCodes
from storage.ingest.splits import TimeCuts
from storage.ingest.user_buckets import UserBuckets
from storage.readers.scans import map_ahead
from storage.settings.datasets import DatasetSettings


class Selection:
    """The rows that are kept, and counts of those that are not; made by `select`.

    Parameters
    ----------
    buckets
        Checked ratings: user_id (the dataset's own), item (code), rating, timestamp, review_text.
    n_items
        Number of item codes.
    folder
        Takes scratch files; the caller removes it.
    """

    def __init__(self, buckets: UserBuckets, n_items: int, folder: Path) -> None:
        self.users_seen = self.rows_seen = self.repeated_pairs = 0
        self.item_ratings = np.zeros(n_items, dtype=np.int64)
        self.users = pl.DataFrame(schema={"user_id": pl.Int64, "source_id": pl.String})
        self._buckets, self._folder = buckets, folder
        self._names: dict[int, pl.Series] = {}
        self._user_numbers: dict[int, NDArray[np.int64]] = {}

    def _keep_last_of_pairs(self, cuts: TimeCuts | None) -> None:
        """Of each (user, item) pair keep the last row in time, then in the file.

        With cuts, the last row of the earliest part: a later opinion must not replace one given before the cut.
        """
        numbers = self._buckets.numbers()
        for number, (names, seen, last) in zip(numbers, map_ahead(lambda n: self._last(n, cuts), numbers), strict=True):
            self._names[number] = names
            self.users_seen += len(names) - 1
            self.rows_seen += seen
            self.repeated_pairs += seen - last.height
            self._put(number, *(last[name].to_numpy() for name in ("row", "user", "item")))

    def _last(self, number: int, cuts: TimeCuts | None) -> tuple[pl.Series, int, pl.DataFrame]:
        """Of a bucket: the users by code, the number of rows, and the last row of each pair."""
        keys = self._buckets.read(number, ["user_id", "item", "timestamp"])
        codes = IdCodes()
        users = codes.encode(keys["user_id"])
        return codes.ids(), keys.height, _last_of_pairs(keys.select("item", "timestamp", user=users), cuts)

    def _keep_core(self, least_of_user: int, least_of_item: int) -> None:
        """Drop users and items with too few ratings, repeatedly, until all that are left have enough."""
        stands = np.ones(len(self.item_ratings), dtype=bool)
        while True:
            self.item_ratings[:] = 0
            for number in self._names:
                rows, users, items = self._get(number)
                stays = stands[items]
                counts = np.bincount(users[stays], minlength=len(self._names[number]))
                stays &= counts[users] >= least_of_user
                if not stays.all():
                    self._put(number, rows[stays], users[stays], items[stays])
                self.item_ratings += np.bincount(items[stays], minlength=len(stands))
            stands = self.item_ratings >= least_of_item
            if stands[self.item_ratings > 0].all():
                return

    def _number_users(self) -> None:
        """Give the users that are left the numbers 0 .. n - 1 in the order of their own ids."""
        left = {
            number: np.flatnonzero(np.bincount(self._get(number)[1], minlength=len(names)))
            for number, names in self._names.items()
        }
        empty = self.users["source_id"]
        names = pl.concat([empty, *(self._names[number].gather(codes) for number, codes in left.items())])
        order = names.arg_sort().to_numpy()
        self.users = pl.DataFrame({"user_id": np.arange(len(order)), "source_id": names[order]})
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        ends = np.cumsum([len(codes) for codes in left.values()])
        for (number, codes), end in zip(left.items(), ends, strict=True):
            self._user_numbers[number] = np.full(len(self._names[number]), -1, dtype=np.int64)
            self._user_numbers[number][codes] = ranks[end - len(codes) : end]

    def rows(self, number: int, item_numbers: NDArray[np.int64]) -> pl.DataFrame:
        """The rows of a bucket that stay: user_id and item_id as numbers, rating, timestamp, review_text."""
        rows, users, items = self._get(number)
        bucket = self._buckets.read(number, ["rating", "timestamp", "review_text"])
        return (bucket if len(rows) == bucket.height else bucket[rows]).with_columns(
            user_id=pl.Series(self._user_numbers[number][users], dtype=pl.Int64),
            item_id=pl.Series(item_numbers[items], dtype=pl.Int64),
        )

    def _put(self, number: int, rows: NDArray[np.uint32], users: NDArray[np.uint32], items: NDArray[np.uint32]) -> None:
        np.save(self._folder / f"pairs-{number:03d}.npy", np.stack([rows, users, items]))

    def _get(self, number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        rows, users, items = np.load(self._folder / f"pairs-{number:03d}.npy", allow_pickle=False)
        return rows, users, items


def select(
    buckets: UserBuckets, n_items: int, settings: DatasetSettings, cuts: TimeCuts | None, folder: Path
) -> Selection:
    """Select the rows to keep under a dataset's settings; parameters as in `Selection`."""
    selection = Selection(buckets, n_items, folder)
    selection._keep_last_of_pairs(cuts)
    selection._keep_core(*settings.least_ratings)
    selection._number_users()
    return selection


def _last_of_pairs(keys: pl.DataFrame, cuts: TimeCuts | None) -> pl.DataFrame:
    keys = keys.with_row_index("row").with_columns(pair=pl.col("user").cast(pl.UInt64) * 2**32 + pl.col("item"))
    if cuts is not None:
        keys = keys.with_columns(part=cuts.part("timestamp"))
        keys = keys.filter(pl.col("part") == pl.col("part").min().over("pair"))
    in_order = np.sort(keys["pair"].to_numpy())
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(twice) == 0:
        return keys
    repeated = keys["pair"].is_in(pl.Series(twice).unique().implode())
    in_time = keys.with_row_index("place").filter(repeated).sort(pl.col("timestamp").fill_null(0), "row")
    last = in_time.unique("pair", keep="last", maintain_order=True)
    return keys.filter((~repeated).scatter(last["place"], values=True))
