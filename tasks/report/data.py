"""The JSON artefacts that the report reads, with types. A part that was not run is None; nothing is filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter

from models.policy_evaluation.comparison import Reinforcement
from storage.checkpoints import load_json
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import Fidelity, load_fidelity
from tasks.policies.checkpoints import load_reinforcement
from tasks.steps.train_sasrec import Training

T = TypeVar("T")
JsonObject = dict[str, JsonValue]


@dataclass(frozen=True)
class ReportData:
    """All that the report is made of, as far as it was run; tables are read apart."""

    ingest: JsonObject | None
    fidelity: Fidelity | None
    reinforcement: Reinforcement | None
    case_study: JsonObject | None
    training: Training | None
    provenance: JsonObject | None


def load_report_data(folder: RunFolder) -> ReportData:
    """Every JSON artefact that is there.

    Raises
    ------
    DataError
        Where one is not JSON or lacks a field.
    """
    parsed = TypeAdapter(JsonObject)
    return ReportData(
        ingest=_load(folder.path("ingest.json"), parsed),
        fidelity=load_fidelity(folder),
        reinforcement=load_reinforcement(folder),
        case_study=_load(folder.path("report/case_study.json"), parsed),
        training=_load(folder.path("sasrec/training.json"), TypeAdapter(Training)),
        provenance=_load(folder.path("report/provenance.json"), parsed),
    )


def _load(path: Path, shape: TypeAdapter[T]) -> T | None:
    return load_json(path, shape) if path.exists() else None
