"""Readers by the name that dataset profiles use."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from storage.adapters.amazon import AmazonReader
from storage.adapters.anime import AnimeReader
from storage.adapters.movielens import MovieLensReader
from storage.adapters.sample import SampleReader
from storage.adapters.table.table import TableReader
from storage.adapters.yelp import YelpReader
from storage.readers.raw_dataset import RawDataset
from storage.readers.sources import SourceFile
from storage.settings.datasets import DatasetSettings


class Adapter(Protocol):
    """A reader of what one publisher ships, in all its versions."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The files that `read` would read; their hashes are part of the cache key."""
        ...

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open the dataset; packed files are unpacked below `workspace`, which the caller removes."""
        ...


ADAPTERS: dict[str, Adapter] = {
    "amazon": AmazonReader(),
    "anime": AnimeReader(),
    "movielens": MovieLensReader(),
    "sample": SampleReader(),
    "table": TableReader(),
    "yelp": YelpReader(),
}
