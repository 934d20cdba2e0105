"""The run folder: one dataset, one split, every artefact under a fixed name (the contract between steps)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

Split = Literal["tail", "loo", "time"]
DEFAULT_SPLIT: Split = "tail"
StepName = Literal[
    "ingest",
    "train-sasrec",
    "annotate",
    "curate",
    "embed",
    "fit-ensemble",
    "fit-patience",
    "evaluate-fidelity",
    "reinforce",
    "case-study",
    "report",
]
"""The steps of a run, in their order: the only list of them."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run. Nothing is created until a step publishes.

    Parameters
    ----------
    root
        `data/<dataset>` for the default split, `data/<dataset>@<split>` for the others; with the settings of a preset
        `data/<dataset>@<preset>` and `data/<dataset>@<preset>@<split>`.
    """

    root: Path

    @classmethod
    def of(cls, data: Path, dataset: str, split: Split = DEFAULT_SPLIT) -> RunFolder:
        """Folder of a run of a dataset, or of `<dataset>@<preset>`, below the data folder."""
        return cls(data / (dataset if split == DEFAULT_SPLIT else f"{dataset}@{split}"))

    @property
    def dataset(self) -> str:
        """Name of the dataset, without preset and split."""
        return self.root.name.partition("@")[0]

    @property
    def preset(self) -> str | None:
        """Name of the preset, None where the run has none."""
        marks = [mark for mark in self._marks if mark not in get_args(Split)]
        return marks[0] if marks else None

    @property
    def split(self) -> Split:
        """The split."""
        splits = [mark for mark in self._marks if mark in get_args(Split)]
        return cast("Split", splits[-1]) if splits else DEFAULT_SPLIT

    @property
    def _marks(self) -> list[str]:
        return self.root.name.split("@")[1:]

    def path(self, name: str) -> Path:
        """Path of an artefact by its name in the contract, such as `keywords.parquet`."""
        return self.root / name
