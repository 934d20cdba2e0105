"""Readers by the name that dataset profiles use."""

from __future__ import annotations

from storage.adapters.amazon import AmazonReader
from storage.adapters.base import Adapter
from storage.adapters.movielens import MovieLensReader
from storage.adapters.sample import SampleReader

ADAPTERS: dict[str, Adapter] = {"amazon": AmazonReader(), "movielens": MovieLensReader(), "sample": SampleReader()}
