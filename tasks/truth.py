"""The truth of a generated world, from the tables of its run folder."""

from __future__ import annotations

import numpy as np
from pydantic import TypeAdapter

from models.estimators.recent_categories import RecentCategories
from models.kernels.bitsets import PackedSets
from models.policy_evaluation.truth import Boredom, Truth
from storage.checkpoints import load_json
from storage.contracts import TRUTH
from storage.run_folder import RunFolder
from storage.settings.sample import TruthSettings
from storage.tables import read_table
from tasks.loading import load_categories


def load_truth(folder: RunFolder, n_users: int, n_items: int) -> Truth | None:
    """The truth of a generated world; None for a dataset of real people."""
    path = folder.path("truth.parquet")
    if not path.exists():
        return None
    table = read_table(path, TRUTH)
    probabilities = np.zeros((n_users, n_items), dtype=np.float32)
    probabilities[table["user_id"].to_numpy(), table["item_id"].to_numpy()] = table["probability"].to_numpy()
    return Truth(probabilities, _boredom(folder))


def _boredom(folder: RunFolder) -> Boredom | None:
    path = folder.path("truth.json")
    settings = load_json(path, TypeAdapter(TruthSettings)) if path.exists() else TruthSettings()
    if not settings.boredom:
        return None
    recent = RecentCategories(PackedSets(load_categories(folder)), settings.boredom_memory)
    return Boredom(settings.boredom / settings.noise, recent)
