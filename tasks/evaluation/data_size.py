"""Step `data-size`: how every model fares with less to learn from, and how far it then is from the truth.

The learned parts are fitted anew on a share of each user's train reactions; keywords, embeddings and the validation
and test rows stay as they are, so that only the number of reactions differs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models.metrics.results import Interval, Result
from models.response.sasrec.settings import SASRecSettings
from storage.checkpoints import load_json
from storage.contracts import INTERACTIONS
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.evaluation.fidelity import Fidelity, FidelitySettings, evaluate_fidelity
from tasks.loading import PARTS_BEFORE_ENSEMBLE
from tasks.step import Summary, step
from tasks.steps.fit_ensemble import EnsembleSettings, fit_ensemble
from tasks.steps.train_sasrec import train_sasrec

_LEARNED = ("sasrec", "interactions.parquet")  # of the parts before the ensemble, those that are made anew


class SizedScores(Result):
    """A model's figures at one size; the error is that of P(like), where the truth is known."""

    auc: float
    auc_ci95: Interval
    log_loss: float
    error_of_probability: float | None


class DataSize(Result):
    """All models at one size."""

    share: float
    train_interactions: int
    models: dict[str, SizedScores]


class DataSizes(Result):
    """report/data_size.json, from the smallest share to the whole."""

    sizes: list[DataSize]


class DataSizeSettings(BaseModel):
    """How much less there is to learn from, and how the models are fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: tuple[float, ...] = Field(
        default=(0.125, 0.25, 0.5), description="of each user's train reactions, at least one; all is always shown"
    )
    seed: int = Field(default=0, ge=0, description="chooses what stays; a larger share holds a smaller one")
    sasrec: SASRecSettings = SASRecSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    fidelity: FidelitySettings = FidelitySettings()


@step(
    version="1",
    reads=(*PARTS_BEFORE_ENSEMBLE, "report/fidelity.json"),
    writes=("report/data_size.json",),
)
def data_size(folder: RunFolder, settings: DataSizeSettings) -> Summary:
    """Fit and evaluate on each share; the card of the whole is the run's own."""
    whole = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    rows: list[DataSize] = []
    for share in sorted(settings.shares):
        with _workspace(folder) as smaller:
            interactions = with_share(whole, share, settings.seed)
            write_table(smaller.path("interactions.parquet"), interactions, INTERACTIONS)
            train_sasrec.function(smaller, settings.sasrec)
            fit_ensemble.function(smaller, settings.ensemble)
            evaluate_fidelity.function(smaller, settings.fidelity)
            rows.append(_row(smaller, share, interactions))
    rows.append(_row(folder, 1.0, whole))
    publish_json(folder.path("report/data_size.json"), DataSizes(sizes=rows).model_dump(mode="json"))
    return {"sizes": len(rows)}


def with_share(interactions: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """Interactions with a seeded share of each user's train rows, rounded up; validation and test rows all stay."""
    drawn = pl.int_range(pl.len()).shuffle(seed).over("user_id", "split")
    enough = (pl.len().over("user_id", "split") * share).ceil()
    return interactions.filter((pl.col("split") != "train") | (drawn < enough))


@contextmanager
def _workspace(folder: RunFolder) -> Iterator[RunFolder]:
    """A run folder beside the run's own with all that is not learned from reactions; gone afterwards."""
    workspace = RunFolder(folder.root.parent / f".data-size-{folder.root.name}")
    shutil.rmtree(workspace.root, ignore_errors=True)
    workspace.root.mkdir()
    try:
        kept = [part for part in PARTS_BEFORE_ENSEMBLE if part not in _LEARNED]
        for part in (*kept, *(["truth.parquet"] if folder.path("truth.parquet").exists() else [])):
            workspace.path(part).symlink_to(folder.path(part).resolve())
        yield workspace
    finally:
        shutil.rmtree(workspace.root, ignore_errors=True)


def _row(folder: RunFolder, share: float, interactions: pl.DataFrame) -> DataSize:
    fidelity = load_json(folder.path("report/fidelity.json"), TypeAdapter(Fidelity))
    truth = fidelity.truth or {}
    return DataSize(
        share=share,
        train_interactions=interactions.filter(split="train").height,
        models={
            name: SizedScores(
                auc=scores.auc,
                auc_ci95=scores.auc_ci95,
                log_loss=scores.log_loss,
                error_of_probability=truth[name].mean_absolute_error if name in truth else None,
            )
            for name, scores in fidelity.models.items()
        },
    )
