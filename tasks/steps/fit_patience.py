"""Step `fit-patience`: how long users stay, learned from train rows; where they do not tell, it says so and why."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from models.simulation.patience import Patience, Steps
from storage.contracts import INTERACTIONS
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import PatienceCheckpoint, load_interactions
from tasks.step import Summary, step, step_logger


class PatienceSettings(BaseModel):
    """What a session of real interactions is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_gap_minutes: float = Field(
        default=30.0, gt=0, description="so long without an interaction ends a session; a day and more for daily data"
    )


@step(version="1", reads=("users.parquet", "items.parquet", "interactions.parquet"), writes=("patience",))
def fit_patience(folder: RunFolder, settings: PatienceSettings) -> Summary:
    """Fit on steps between train rows, assess on steps that lead to validation rows, publish."""
    checkpoint = _fitted(folder, settings)
    if checkpoint.refused is not None:
        step_logger().info("No patience is learned, so sessions end by a constant chance: %s", checkpoint.refused)
    with publish(folder.path("patience")) as target:
        target.mkdir()
        publish_json(target / "model.json", checkpoint.model_dump(mode="json"))
    if checkpoint.fit is None:
        return {"refused": checkpoint.refused}
    fit = checkpoint.fit
    return {
        "train_ends": fit.train_ends,
        "constant_hazard": fit.constant,
        "log_loss": fit.log_loss,
        "constant_log_loss": fit.constant_log_loss,
        "difference_ci95": None if fit.difference_ci95 is None else [*fit.difference_ci95],
        "weights": {**fit.weights},
    }


def _fitted(folder: RunFolder, settings: PatienceSettings) -> PatienceCheckpoint:
    splits = ("train", "validation")
    rows = read_table(
        folder.path("interactions.parquet"),
        INTERACTIONS,
        ["user_id", "order", "timestamp", "split"],
        rows=pl.col("split").is_in(splits),
    ).sort("user_id", "order")
    if rows["timestamp"].null_count():
        return PatienceCheckpoint(hazard=None, fit=None, refused="the ratings have no timestamps")
    interactions = load_interactions(folder, splits)
    times, train = rows["timestamp"].to_numpy().astype(np.int64), rows["split"].to_numpy() == "train"
    gap = settings.session_gap_minutes * 60
    of_train, of_validation = (Steps.of(interactions, times, gap, counted) for counted in (train, ~train))
    try:
        patience = Patience.fit(of_train)
    except ValueError as error:
        reason = f"{error} (patience.session_gap_minutes is {settings.session_gap_minutes:g})"
        return PatienceCheckpoint(hazard=None, fit=None, refused=reason)
    return PatienceCheckpoint(hazard=patience.hazard, fit=patience.assess(of_train, of_validation), refused=None)
