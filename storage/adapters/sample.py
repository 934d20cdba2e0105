"""The generated sample world as a dataset (storage/sample_world.py); it has no source files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from storage.adapters.base import RawTables
from storage.datasets import DatasetSettings
from storage.sample_world import generate, item_name, user_name


class SampleReader:
    """Generates the world that the settings describe."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[Path]:
        """None: the settings say it all."""
        return []

    def read(self, source: Path | None, settings: DatasetSettings) -> RawTables:
        """Generate interactions, items and their truth, under the world's ids."""
        world = generate(settings.sample, settings.like_threshold, settings.seed)
        users, items = world.probability.shape
        truth = pl.DataFrame(
            {
                "user_id": np.repeat([user_name(user) for user in range(users)], items),
                "item_id": np.tile([item_name(item) for item in range(items)], users),
                "probability": world.probability.ravel(),
            }
        )
        aspects = world.aspects.with_columns(item_id=pl.format("i{}", "item_id"))
        interactions = world.interactions.with_columns(words=pl.lit(None, dtype=pl.String))
        return RawTables(
            interactions, world.items, interactions.height, truth={"truth": truth, "truth_aspects": aspects}
        )
