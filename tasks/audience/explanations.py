"""Explain a pair of a finished run under the dataset's own ids."""

from __future__ import annotations

import numpy as np

from models.explanation.explainer import explain
from models.explanation.explanation import Explanation
from storage.contracts import ITEMS, USERS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import load_keyword_record, load_simulator, row_of


def explain_pair(folder: RunFolder, user: str, item: str, seed: int = 0) -> Explanation:
    """How the simulated user reacts to the item, given the user's train interactions, and why.

    Parameters
    ----------
    folder
        A finished run.
    user, item
        Ids in the dataset.
    seed
        Of the coins that decide ties.

    Raises
    ------
    DataError
        Where the run has no such user or item, or lacks a part.
    """
    users = read_table(folder.path("users.parquet"), USERS)
    items = read_table(folder.path("items.parquet"), ITEMS)
    user_row = row_of(users, "user", user, folder.path("users.parquet"))
    item_row = row_of(items, "item", item, folder.path("items.parquet"))
    simulator = load_simulator(folder)
    history = simulator.interactions.histories(np.array([user_row]), len(simulator.interactions))
    record = load_keyword_record(folder, simulator.knowledge, np.array([item_row]))
    rng = np.random.default_rng(seed)
    return explain(simulator, user_row, item_row, history, rng, user_name=f"User {user}", record=record)
