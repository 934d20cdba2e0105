"""The generated sample world as a dataset (storage/sample_world.py); it has no source files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from storage.adapters.base import RawTables
from storage.datasets import DatasetSettings
from storage.sample_world import generate


class SampleReader:
    """Generates the world that the settings describe."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[Path]:
        """None: the settings say it all."""
        return []

    def read(self, source: Path | None, settings: DatasetSettings) -> RawTables:
        """Generate interactions, items and their truth, under the world's ids."""
        world = generate(settings.sample, settings.like_threshold, settings.seed)
        interactions = world.interactions.with_columns(words=pl.lit(None, dtype=pl.String))
        truth = {"truth": world.truth, "truth_aspects": world.aspects}
        return RawTables(interactions, world.items, interactions.height, truth=truth)
