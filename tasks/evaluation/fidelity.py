"""Step `evaluate-fidelity`: the fidelity card of the test split, and every model's score of every test pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.fidelity.card import fidelity_card, predict
from models.interactions import Interactions
from storage.contracts import TRUTH
from storage.files import publish_json
from storage.run_folder import DEFAULT_SPLIT, RunFolder
from storage.tables import read_table
from tasks.evaluation.predictions import PREDICTIONS, write_predictions
from tasks.loading import SIMULATOR_PARTS, load_ensemble, load_interactions, load_sasrec, load_simulator
from tasks.step import Summary, step


class FidelitySettings(BaseModel):
    """How intervals are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the samples, of tied votes and of the factors' starting values")


# truth.parquet, which only generated datasets have, comes from the same step and seed as interactions.parquet.
@step(
    version="3",
    reads=SIMULATOR_PARTS,
    writes=("report/fidelity.json", PREDICTIONS),
)
def evaluate_fidelity(folder: RunFolder, settings: FidelitySettings) -> Summary:
    """Let every model judge the test pairs, given the training interactions, and publish the card."""
    simulator, test = load_simulator(folder), load_interactions(folder, ("test",))
    published = load_sasrec(folder, simulator.knowledge.categories, published=True)
    tables = load_ensemble(folder).vote_tables
    predictions = predict(simulator, published, tables, test, settings.seed)
    card = fidelity_card(test, predictions, settings.resamples, settings.seed, _true_probabilities(folder, test))
    write_predictions(folder, test, predictions)
    dataset, _, split = folder.root.name.partition("@")
    publish_json(folder.path("report/fidelity.json"), {"dataset": dataset, "split": split or DEFAULT_SPLIT, **card})
    return {"test_pairs": len(test), **{name: row["auc"] for name, row in card["models"].items()}}


def _true_probabilities(folder: RunFolder, test: Interactions) -> NDArray[np.float32] | None:
    path = folder.path("truth.parquet")
    if not path.exists():
        return None
    truth = read_table(path, TRUTH)
    table = np.zeros((test.n_users, test.n_items), dtype=np.float32)
    table[truth["user_id"].to_numpy(), truth["item_id"].to_numpy()] = truth["probability"].to_numpy()
    return table[test.users, test.items]
