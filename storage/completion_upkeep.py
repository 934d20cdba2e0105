"""Upkeep of the completion cache: what it holds, for whom, and the removal of what nobody needs any more.

Which runs use an answer is read from their annotations, whose `prompt_hash` is the key of a prompt's first form; the
cache keeps that key with the answers to later forms too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.completions import CompletionStore
from storage.contracts import ANNOTATIONS
from storage.errors import RecaudienceError
from storage.run_folder import RunFolder
from storage.tables import read_table

PEER_ANSWERS = "report/peer_answers.parquet"
_BYTES = "length(CAST(response AS BLOB)) + length(key)"
_USED = "(prompt != '' AND prompt IN (SELECT prompt FROM temp.used)) OR key IN (SELECT prompt FROM temp.used)"


@dataclass(frozen=True)
class ModelAnswers:
    """What one model answered; `model` is '' for answers of before models were noted, times are seconds since 1970."""

    model: str
    answers: int
    bytes: int
    prompt_tokens: int
    output_tokens: int
    oldest: float
    newest: float


@dataclass(frozen=True)
class RunAnswers:
    """Answers that one run uses, and the tokens that they took."""

    run: str
    answers: int
    bytes: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Unneeded:
    """Which answers to remove: all criteria that are given must hold.

    Parameters
    ----------
    model
        Answers of this model ('' for those of before models were noted).
    before
        Answers stored before this time, in seconds since 1970.
    unused_by
        Answers whose prompt is none of these. One whose prompt is not known counts as used.
    """

    model: str | None = None
    before: float | None = None
    unused_by: frozenset[str] | None = None


def run_folders(data: Path) -> list[RunFolder]:
    """Run folders below a data folder that a run has begun to fill, by name."""
    return [RunFolder(path.parent) for path in sorted(data.glob("*/interactions.parquet"))]


def used_prompts(folder: RunFolder) -> frozenset[str]:
    """Keys of the prompts that a run's annotations came from, and of those that its peers answered.

    Raises
    ------
    RecaudienceError
        Where the run has no annotations yet, so that its answers would look unused.
    """
    path = folder.path("annotations.parquet")
    if not path.is_file():
        raise RecaudienceError(
            f"{folder.root}: not annotated yet, so that nobody knows which answers it uses. Finish the run, or delete "
            "its folder."
        )
    peers = folder.path(PEER_ANSWERS)
    of_peers = pl.read_parquet(peers, columns=["prompt_hash"])["prompt_hash"] if peers.is_file() else ()
    return frozenset(read_table(path, ANNOTATIONS)["prompt_hash"]).union(of_peers)


def answers_by_model(store: CompletionStore) -> list[ModelAnswers]:
    """Count what each model answered, the largest count first."""
    with store.transaction(writing=False) as connection:
        rows = connection.execute(
            f"SELECT model, count(*), sum({_BYTES}), sum(prompt_tokens), sum(output_tokens), "
            "min(created), max(created) FROM completions GROUP BY model ORDER BY count(*) DESC, model"
        )
        return [ModelAnswers(*row) for row in rows]


def answers_by_run(store: CompletionStore, prompts: Mapping[str, Iterable[str]]) -> list[RunAnswers]:
    """Count the answers that each run uses, from its prompts' keys; an answer may serve several runs."""
    counts = []
    with store.transaction(writing=False) as connection:
        for run, keys in prompts.items():
            _note_used(connection, keys)
            row = connection.execute(
                f"SELECT count(*), coalesce(sum({_BYTES}), 0), coalesce(sum(prompt_tokens), 0), "
                f"coalesce(sum(output_tokens), 0) FROM completions WHERE {_USED}"
            )
            counts.append(RunAnswers(run, *row.fetchone()))
    return counts


def prune(store: CompletionStore, unneeded: Unneeded, *, dry_run: bool = False) -> tuple[int, int]:
    """Remove answers; other processes may read and write meanwhile.

    Returns
    -------
    tuple[int, int]
        Number of answers and their bytes, removed or, with `dry_run`, to be removed.

    Raises
    ------
    ValueError
        Where no criterion is given: that would empty the cache.
    """
    if unneeded == Unneeded():
        raise ValueError("nothing says which answers are not needed")
    conditions: list[str] = []
    values: list[str | float] = []
    if unneeded.model is not None:
        conditions.append("model = ?")
        values.append(unneeded.model)
    if unneeded.before is not None:
        conditions.append("created < ?")
        values.append(unneeded.before)
    if unneeded.unused_by is not None:
        conditions.append(f"prompt != '' AND NOT ({_USED})")
    where = " AND ".join(conditions)
    with store.transaction() as connection:
        _note_used(connection, unneeded.unused_by or ())
        count, size = connection.execute(
            f"SELECT count(*), coalesce(sum({_BYTES}), 0) FROM completions WHERE {where}", values
        ).fetchone()
        if not dry_run:
            connection.execute(f"DELETE FROM completions WHERE {where}", values)
    return count, size


def _note_used(connection: sqlite3.Connection, prompts: Iterable[str]) -> None:
    """Put keys where a query can look them up: a table of this connection alone."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS used (prompt TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute("DELETE FROM temp.used")
    connection.executemany("INSERT OR IGNORE INTO temp.used VALUES (?)", ((prompt,) for prompt in prompts))
