"""The generated sample world as a dataset (storage/sample/world.py); it has no source files."""

from __future__ import annotations

from pathlib import Path

from storage.readers.raw_dataset import RawDataset
from storage.readers.sources import SourceFile
from storage.sample.world import generate
from storage.settings.datasets import DatasetSettings


class SampleReader:
    """Generates the world that the settings describe."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """None: the settings say it all."""
        return []

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Generate interactions, items and their truth, under the world's ids."""
        world = generate(settings.sample, settings.like_threshold, settings.seed)
        return RawDataset(
            version="generated world",
            ratings=[world.interactions.with_row_index("row", offset=1)],
            ratings_file=Path("generated world"),
            items=[world.items],
            truth={"truth": world.truth, "truth_aspects": world.aspects},
        )
