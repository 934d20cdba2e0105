"""The run folder: one dataset, one split, every artefact under a fixed name (the contract between steps)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["tail", "loo", "time"]
DEFAULT_SPLIT: Split = "tail"


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run. Nothing is created until a step publishes.

    Parameters
    ----------
    root
        `data/<dataset>` for the default split, `data/<dataset>@<split>` for the others.
    """

    root: Path

    @classmethod
    def of(cls, data: Path, dataset: str, split: Split = DEFAULT_SPLIT) -> RunFolder:
        """Folder of a dataset's run below the data folder."""
        return cls(data / (dataset if split == DEFAULT_SPLIT else f"{dataset}@{split}"))

    def path(self, name: str) -> Path:
        """Path of an artefact by its name in the contract, such as `keywords.parquet`."""
        return self.root / name
