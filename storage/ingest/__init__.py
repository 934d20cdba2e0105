"""From raw ratings to integer ids, splits and a catalogue of items."""

from __future__ import annotations

from storage.ingest.id_codes import IdCodes, numbered
from storage.ingest.item_catalogue import describe, read_items
from storage.ingest.rating_check import RatingCheck, SkippedRow
from storage.ingest.selection import Selection, select
from storage.ingest.splits import TimeCuts, add_order_and_split, find_time_cuts
from storage.ingest.train_words import TrainWords
from storage.ingest.user_buckets import UserBuckets

__all__ = [
    "IdCodes",
    "RatingCheck",
    "Selection",
    "SkippedRow",
    "TimeCuts",
    "TrainWords",
    "UserBuckets",
    "add_order_and_split",
    "describe",
    "find_time_cuts",
    "numbered",
    "read_items",
    "select",
]
