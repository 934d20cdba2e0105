"""Explanations of many pairs of a finished run as a table, each checked by leaving out the reasons that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.attribution import Pairs, moves_as_said, remembered
from models.explain import explain_responses
from models.explanation import Explanation
from models.interactions import Histories
from models.simulator import UserSimulator
from storage.columns import Columns
from storage.run_folder import RunFolder
from storage.tables import EXPLANATIONS, USERS, polars_schema, read_table, write_table
from tasks.simulator_inputs import load_simulator

_PAIRS_AT_ONCE = 128


def explain_pairs(folder: RunFolder, n: int, seed: int, path: Path) -> pl.DataFrame:
    """Explain random pairs of a user and an item that the user did not rate in training, and publish the table.

    Parameters
    ----------
    folder
        A finished run.
    n
        Number of pairs.
    seed
        Chooses the pairs and throws the coins of ties.
    path
        Where the Parquet file goes.

    Returns
    -------
    The table. `faithful` says whether P(like) moved away from the answer when all named reasons were left out
    together; it is null where no reason is named.

    Raises
    ------
    DataError
        Where the run lacks a part.
    """
    simulator, rng = load_simulator(folder), np.random.default_rng(seed)
    names = [f"User {name}" for name in read_table(folder.path("users.parquet"), USERS)["source_id"].to_list()]
    users, items = random_pairs(simulator, n, rng)
    rows: list[dict[str, object]] = []
    for start in range(0, n, _PAIRS_AT_ONCE):
        chosen = slice(start, start + _PAIRS_AT_ONCE)
        rows += _rows(simulator, users[chosen], items[chosen], rng, names)
    table = pl.DataFrame(rows, schema=polars_schema(EXPLANATIONS))
    write_table(path, table, EXPLANATIONS)
    return table


def random_pairs(
    simulator: UserSimulator, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and items (n,) each, drawn with equal chances among the pairs that training does not know."""
    train = simulator.interactions
    known = set((train.users * simulator.n_items + train.items).tolist())
    pairs: list[int] = []
    while len(pairs) < n:
        drawn = rng.integers(simulator.n_users * simulator.n_items, size=n).tolist()
        pairs += [pair for pair in drawn if pair not in known]
    users, items = np.divmod(np.array(pairs[:n], dtype=np.int64), simulator.n_items)
    return users, items


def _rows(
    simulator: UserSimulator,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    rng: np.random.Generator,
    names: list[str],
) -> Iterator[dict[str, object]]:
    histories = simulator.interactions.histories(users, simulator.max_history)
    pairs = remembered(simulator, Pairs(users, items, histories))
    responses = simulator.respond(pairs.users, pairs.items, pairs.histories, rng)
    explanations = explain_responses(simulator, pairs, responses, user_names=[names[user] for user in users.tolist()])
    named = [_positions(pairs.histories, row, explanation) for row, explanation in enumerate(explanations)]
    above = responses.probability >= 0.5
    moved = moves_as_said(simulator, pairs, named, above).tolist()
    for explanation, reasons, faithful in zip(explanations, named, moved, strict=True):
        grounds = explanation.grounds
        yield {
            Columns.USER: explanation.user,
            Columns.ITEM: explanation.item,
            Columns.LIKE: explanation.like,
            Columns.PROBABILITY: explanation.probability,
            Columns.CONFIDENCE: explanation.confidence,
            Columns.VOTES: explanation.votes,
            Columns.AVERAGE_LOGIT: grounds.average_logit,
            Columns.CONTRIBUTIONS: grounds.contributions,
            Columns.REASONS: [
                {"item_id": reason.item, "liked": reason.liked, "effect": reason.effect} for reason in grounds.reasons
            ],
            Columns.TURNED_WITHOUT: None
            if grounds.turned_without is None
            else [item.item for item in grounds.turned_without],
            Columns.KEYWORDS_TURNED_WITHOUT: grounds.keywords_turned_without,
            Columns.FAITHFUL: faithful if reasons else None,
            Columns.SENTENCE: explanation.sentence(),
            Columns.WHY: explanation.why(),
        }


def _positions(histories: Histories, row: int, explanation: Explanation) -> list[int]:
    """Where the named reasons stand in the history."""
    position = {item: t for t, item in enumerate(histories.items[row].tolist())}
    return [position[reason.item] for reason in explanation.grounds.reasons]
