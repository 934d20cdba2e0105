"""The JSON artefacts that the report reads, with types. A part that was not run is None; nothing is filled in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from models.policy_evaluation.comparison import Reinforcement
from storage.errors import DataError
from storage.run_folder import RunFolder
from tasks.policies.checkpoints import load_reinforcement

T = TypeVar("T")
JsonObject = dict[str, JsonValue]
Interval = tuple[float, float]


class _Part(BaseModel):
    """What the report shows of an artefact; fields that it does not know are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelScores(_Part):
    """A model's row of the fidelity table."""

    auc: float
    auc_ci95: Interval
    log_loss: float
    accuracy: float
    macro_f1: float
    brier: float
    ece: float
    ece_if_calibrated: float
    ece_if_calibrated_ci95: Interval
    ece_debiased: float


class Comparison(_Part):
    """AUC of a model less that of another, over the same resampled users."""

    model: str
    against: str
    auc_difference: float
    ci95: Interval


class ReliabilityBin(_Part):
    """n pairs, their mean predicted probability and the share that is a like."""

    mean_probability: float
    like_rate: float
    n: int


class Closeness(_Part):
    """How near a model's probabilities come to the true ones of a generated world."""

    mean_absolute_error: float
    correlation: float


class Fidelity(_Part):
    """report/fidelity.json."""

    dataset: str
    split: str
    n: int
    like_rate: float
    models: dict[str, ModelScores]
    comparisons: tuple[Comparison, ...] = ()
    reliability: dict[str, tuple[ReliabilityBin, ...]] = {}
    truth: dict[str, Closeness] | None = None


class Epoch(_Part):
    """One pass over the training interactions."""

    train_loss: float
    validation_auc: float


class Training(_Part):
    """sasrec/training.json."""

    epochs: tuple[Epoch, ...]


@dataclass(frozen=True)
class ReportData:
    """All that the report is made of, as far as it was run; tables are read apart."""

    ingest: JsonObject | None
    fidelity: Fidelity | None
    reinforcement: Reinforcement | None
    case_study: JsonObject | None
    training: Training | None
    provenance: JsonObject | None


def load_fidelity(folder: RunFolder) -> Fidelity | None:
    """report/fidelity.json, None where there is none."""
    return _load(folder.path("report/fidelity.json"), TypeAdapter(Fidelity))


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
    if not path.exists():
        return None
    remedy = "Delete it and run the pipeline again: the step that makes it will run"
    try:
        return shape.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # JSON's and pydantic's own errors are both ValueErrors
        if not isinstance(error, ValidationError):
            raise DataError(f"not valid JSON ({error})", file=path, remedy=remedy) from error
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(first["msg"], file=path, field=field, remedy=remedy) from error
