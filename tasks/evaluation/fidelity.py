"""Step `evaluate-fidelity`: the fidelity card of the test split, and the prediction of every test pair by every model.

report/predictions.parquet keeps the predictions, so that models are fitted once for all steps that judge them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models.fidelity.card import FidelityCard, Prediction, fidelity_card, predict
from models.interactions import Interactions
from storage.checkpoints import load_json
from storage.errors import DataError
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from tasks.loading import SIMULATOR_PARTS, load_ensemble, load_interactions, load_sasrec, load_simulator
from tasks.step import Summary, step
from tasks.truth import load_truth

PREDICTIONS = "report/predictions.parquet"
_PROBABILITY, _DECISION = ".probability", ".decision"  # beside a model's scores, which have its name alone


class FidelitySettings(BaseModel):
    """How intervals are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the samples, of tied votes and of the factors' starting values")


class Fidelity(FidelityCard):
    """report/fidelity.json: the card, and which run it is of."""

    dataset: str
    split: str


# truth.parquet and truth.json, which only generated datasets have, come from the step of interactions.parquet.
@step(
    version="7",
    reads=SIMULATOR_PARTS,
    writes=("report/fidelity.json", PREDICTIONS),
)
def evaluate_fidelity(folder: RunFolder, settings: FidelitySettings) -> Summary:
    """Let every model judge the test pairs, given the training interactions, and publish the card."""
    simulator, test = load_simulator(folder), load_interactions(folder, ("test",))
    published = load_sasrec(folder, simulator.knowledge.categories, published=True)
    tables, validation = load_ensemble(folder).vote_tables, load_interactions(folder, ("validation",))
    predictions = predict(simulator, published, tables, validation, test, seed=settings.seed)
    truth = load_truth(folder, test.n_users, test.n_items)
    true = None if truth is None else truth.after(simulator.interactions, test)
    card = fidelity_card(test, predictions, settings.resamples, settings.seed, true)
    write_predictions(folder, test, predictions)
    fidelity = Fidelity(dataset=folder.dataset, split=folder.split, **vars(card))
    publish_json(folder.path("report/fidelity.json"), fidelity.model_dump(mode="json"))
    return {"test_pairs": len(test), **{name: row.auc for name, row in card.models.items()}}


def load_fidelity(folder: RunFolder) -> Fidelity | None:
    """The fidelity card of a run, None where there is none.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    path = folder.path("report/fidelity.json")
    return load_json(path, TypeAdapter(Fidelity)) if path.exists() else None


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
