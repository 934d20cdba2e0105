"""report/predictions.parquet: what every model says of every test pair, fitted once for all steps that judge it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from models.fidelity.card import Prediction
from models.interactions import Interactions
from storage.errors import DataError
from storage.files import publish
from storage.run_folder import RunFolder

PREDICTIONS = "report/predictions.parquet"
_PROBABILITY, _DECISION = ".probability", ".decision"  # beside a model's scores, which have its name alone


def write_predictions(folder: RunFolder, test: Interactions, predictions: Mapping[str, Prediction]) -> None:
    """Publish the predictions of the n test pairs, a row a pair."""
    columns: dict[str, pl.Series] = {}
    for name, prediction in predictions.items():
        columns[name] = pl.Series(prediction.scores)
        columns[f"{name}{_PROBABILITY}"] = pl.Series(prediction.probabilities)
        columns[f"{name}{_DECISION}"] = pl.Series(prediction.decisions)
    with publish(folder.path(PREDICTIONS)) as target:
        pl.DataFrame({"user_id": test.users, "item_id": test.items, "like": test.likes, **columns}).write_parquet(
            target
        )


def read_predictions(folder: RunFolder, test: Interactions) -> dict[str, Prediction]:
    """The predictions of the same test pairs, by model.

    Raises
    ------
    DataError
        Where the table is of other pairs.
    """
    table = pl.read_parquet(folder.path(PREDICTIONS))
    pairs = zip(("user_id", "item_id"), (test.users, test.items), strict=True)
    if not all(np.array_equal(table[column].to_numpy(), expected) for column, expected in pairs):
        raise DataError(
            f"found {table.height:,} pairs that are not the {len(test):,} test pairs of this run",
            file=folder.path(PREDICTIONS),
            remedy="Run the step evaluate-fidelity again",
        )
    names = [column.removesuffix(_DECISION) for column in table.columns if column.endswith(_DECISION)]
    return {
        name: Prediction(
            table[name].to_numpy(), table[f"{name}{_PROBABILITY}"].to_numpy(), table[f"{name}{_DECISION}"].to_numpy()
        )
        for name in names
    }
