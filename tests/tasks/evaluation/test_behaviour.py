"""A leak that is planted in a run's tables is counted, and nothing is found where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, VOCABULARY, Contract, polars_schema
from storage.run_folder import RunFolder
from storage.tables import write_table
from tasks.evaluation.behaviour import LeakCheck, leak_check

PROMPT = ("objective", "pro", None, "hash", "model", "{}", "ok", None, ["warm"], [""], 1, 1)


def _run(root: Path, prompts: Sequence[tuple[object, ...]], keywords: Sequence[str]) -> RunFolder:
    folder = RunFolder(root)
    _write(folder, "items.parquet", [(0, "a", "Café", ["Food"], "Area: north.", "")], ITEMS)
    interactions = [
        (0, 0, 5.0, True, None, 0, "train", "Warm rooms"),
        (1, 0, 1.0, False, None, 0, "test", "cold rooms, quokka"),
    ]
    _write(folder, "interactions.parquet", interactions, INTERACTIONS)
    _write(folder, "annotations.parquet", prompts, ANNOTATIONS)
    _write(folder, "vocabulary.parquet", [(keyword, [keyword], 1) for keyword in keywords], VOCABULARY)
    return folder


def _write(folder: RunFolder, name: str, rows: Sequence[tuple[object, ...]], contract: Contract) -> None:
    write_table(folder.path(name), pl.DataFrame(rows, schema=polars_schema(contract), orient="row"), contract)


def test_nothing_is_found_where_nothing_leaks(tmp_path: Path) -> None:
    prompts = [(0, *PROMPT), (0, "subjective", "pro", 0, *PROMPT[3:])]
    found = leak_check(_run(tmp_path, prompts, ["warm rooms", "north"]))
    assert found == LeakCheck(review_prompts=1, from_held_out=0, markers=2, markers_in_keywords=0)


def test_planted_leaks_are_counted(tmp_path: Path) -> None:
    prompts = [(0, "subjective", "pro", 0, *PROMPT[3:]), (0, "subjective", "con", 1, *PROMPT[3:])]
    found = leak_check(_run(tmp_path, prompts, ["warm rooms", "quokka garden"]))
    assert found == LeakCheck(review_prompts=2, from_held_out=1, markers=2, markers_in_keywords=1)


def test_without_annotations_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert leak_check(RunFolder(tmp_path)) is None
