"""Explain a pair of a finished run under the dataset's own ids."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import polars as pl

from models.explanation.explainer import explain
from models.explanation.explanation import Explanation
from storage.contracts import ITEMS, USERS
from storage.errors import DataError
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import load_keyword_record
from tasks.simulator_inputs import load_simulator


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


def row_of(table: pl.DataFrame, kind: str, source_id: str, path: Path) -> int:
    """Row number of a user or item by its id in the dataset; the error names near ones."""
    ids = table["source_id"].to_list()
    if source_id in ids:
        return ids.index(source_id)
    near = difflib.get_close_matches(source_id, ids, n=3) or ids[:3]
    raise DataError(
        f"there is no {kind} {source_id!r} among {len(ids)}",
        file=path,
        field="source_id",
        remedy=f"Choose one that the run knows, such as {', '.join(near)}",
    )
