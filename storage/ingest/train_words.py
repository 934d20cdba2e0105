"""Words that users attach to items, such as tags: of train rows only."""

from __future__ import annotations

import polars as pl

from storage.ingest.splits import TimeCuts

_SHOWN = 8


class TrainWords:
    """Collects the words of train rows, part by part.

    A word belongs to the (user, item) row of the user who used it. Under the split `time` it must also be dated before
    the first cut.

    Parameters
    ----------
    words
        user_id and item_id (the dataset's own), word, timestamp.
    users, catalogue
        user_id or item_id (row numbers) and source_id of all users and items.
    """

    def __init__(self, words: pl.DataFrame, users: pl.DataFrame, catalogue: pl.DataFrame) -> None:
        self._words = (
            words.rename({"user_id": "user", "item_id": "item", "timestamp": "time"})
            .join(users.rename({"source_id": "user"}), on="user")
            .join(catalogue.rename({"source_id": "item"}), on="item")
            .select("user_id", "item_id", "word", "time")
        )
        self._kept: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame, cuts: TimeCuts | None) -> None:
        """Add a part of the interactions, with whole users."""
        if self._words.height == 0:
            return
        train = rows.filter(split="train").select("user_id", "item_id")
        words = self._words if cuts is None else self._words.filter(pl.col("time") <= cuts.train)
        self._kept.append(words.join(train, on=["user_id", "item_id"]).select("item_id", "word"))

    def frequent(self) -> pl.DataFrame:
        """item_id and `words`: each item's most frequent words, ties in alphabetical order, joined by commas."""
        empty = pl.DataFrame(schema={"item_id": pl.Int64, "word": pl.String})
        return (
            pl.concat([empty, *self._kept])
            .with_columns(pl.col("word").str.to_lowercase().str.strip_chars())
            .filter(pl.col("word") != "")
            .group_by("item_id", "word")
            .len()
            .sort(["item_id", "len", "word"], descending=[False, True, False])
            .group_by("item_id", maintain_order=True)
            .agg(words=pl.col("word").head(_SHOWN).str.join(", "))
        )
