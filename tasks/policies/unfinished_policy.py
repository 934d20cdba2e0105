"""Policies in training: unfinished_policies/<algorithm>/seed-<n>/ of a run folder, kept to go on from after a kill."""

from __future__ import annotations

import shutil

from pydantic import BaseModel, ConfigDict, TypeAdapter

from models.agents.settings import AlgorithmName
from models.response.sasrec.unfinished_training import Arrays, TrainingFacts
from storage.checkpoints import load_json, load_named_arrays, save_arrays
from storage.errors import DataError
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from tasks.step import step_logger


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    training: TrainingFacts


class UnfinishedPolicy:
    """Keeps one training: arrays.safetensors and training.json, both or neither.

    Parameters
    ----------
    folder
        The run folder.
    algorithm, seed
        Which policy.
    origin
        Hash of all that it depends on; what another origin left is not gone on with.
    """

    def __init__(self, folder: RunFolder, algorithm: AlgorithmName, seed: int, origin: str) -> None:
        self._path = folder.path(f"unfinished_policies/{algorithm}/seed-{seed}")
        self._origin = origin

    def save(self, arrays: Arrays, facts: TrainingFacts) -> None:
        """Keep these instead of what was kept before."""
        with publish(self._path) as target:
            target.mkdir()
            save_arrays(target / "arrays.safetensors", arrays)
            publish_json(target / "training.json", _Kept(origin=self._origin, training=facts).model_dump(mode="json"))

    def load(self) -> tuple[Arrays, TrainingFacts] | None:
        """What is kept, if it is whole and of this origin."""
        if not self._path.exists():
            return None
        try:
            kept = load_json(self._path / "training.json", TypeAdapter(_Kept))
            if kept.origin != self._origin:
                return None
            return load_named_arrays(self._path / "arrays.safetensors"), kept.training
        except DataError as error:
            step_logger().warning("training begins anew: %s", error)
            return None

    def remove(self) -> None:
        """Keep nothing any longer, nor the folders above where they are empty."""
        if self._path.exists():
            shutil.rmtree(self._path)
        for parent in (self._path.parent, self._path.parent.parent):
            if parent.exists() and not any(parent.iterdir()):
                parent.rmdir()
