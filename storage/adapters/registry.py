"""Readers by the name that dataset profiles use."""

from __future__ import annotations

from storage.adapters.amazon import AmazonReader
from storage.adapters.anime import AnimeReader
from storage.adapters.base import Adapter
from storage.adapters.movielens import MovieLensReader
from storage.adapters.sample import SampleReader
from storage.adapters.table.table import TableReader
from storage.adapters.yelp import YelpReader

ADAPTERS: dict[str, Adapter] = {
    "amazon": AmazonReader(),
    "anime": AnimeReader(),
    "movielens": MovieLensReader(),
    "sample": SampleReader(),
    "table": TableReader(),
    "yelp": YelpReader(),
}
