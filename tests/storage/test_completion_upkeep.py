"""The completion cache is counted and pruned by model, age and use, while others write."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from storage.completion_upkeep import (
    Unneeded,
    answers_by_model,
    answers_by_run,
    prune,
    run_folders,
    used_prompts,
)
from storage.completions import Completion, CompletionStore
from storage.contracts import ANNOTATIONS, polars_schema
from storage.errors import DataError, RecaudienceError
from storage.run_folder import RunFolder
from storage.tables import write_table

ANSWER = Completion("x" * 100, 10, 5, "stop")
FORMAT_1 = """
CREATE TABLE completions (
    key TEXT PRIMARY KEY, response TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    finish_reason TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO completions VALUES ('old', '{}', 1, 2, 'stop', 1.0);
PRAGMA user_version = 1;
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    """Answers of two models: `a` in both forms and `b` of one, `c` of the other."""
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        opened.put("a", ANSWER, model="small", prompt="a")
        opened.put("a-second", ANSWER, model="small", prompt="a")
        opened.put("b", ANSWER, model="small", prompt="b")
        opened.put("c", ANSWER, model="large", prompt="c")
        yield opened


def keys(store: CompletionStore) -> set[str]:
    return set(store.get_many(["a", "a-second", "b", "c", "old", "new"]))


def annotate(folder: RunFolder, hashes: list[str]) -> None:
    row = {"item_id": 0, "kind": "objective", "side": "pro", "model": "small", "status": "ok", "response": "{}"}
    row |= {"keywords": [], "evidence": [], "prompt_tokens": 1, "output_tokens": 1, "user_id": None, "reason": None}
    frame = pl.DataFrame([row | {"prompt_hash": name} for name in hashes], schema=polars_schema(ANNOTATIONS))
    write_table(folder.path("annotations.parquet"), frame, ANNOTATIONS)


def test_answers_are_counted_by_model(store: CompletionStore) -> None:
    small, large = answers_by_model(store)
    assert (small.model, small.answers, small.prompt_tokens, small.output_tokens) == ("small", 3, 30, 15)
    assert (large.model, large.answers) == ("large", 1)
    assert large.bytes == 100 + len("c")
    assert large.oldest == large.newest


def test_answers_are_counted_by_the_runs_that_use_them_with_their_second_forms(store: CompletionStore) -> None:
    runs = answers_by_run(store, {"films": ["a"], "films@loo": ["a", "b", "absent"], "games": []})
    assert [(run.run, run.answers) for run in runs] == [("films", 2), ("films@loo", 3), ("games", 0)]
    assert [(run.prompt_tokens, run.output_tokens) for run in runs] == [(20, 10), (30, 15), (0, 0)]


def test_pruning_by_model_leaves_the_others(store: CompletionStore) -> None:
    assert prune(store, Unneeded(model="small"), dry_run=True)[0] == 3
    assert len(store) == 4, "a dry run removes nothing"
    assert prune(store, Unneeded(model="small")) == (3, 300 + len("a" + "a-second" + "b"))
    assert keys(store) == {"c"}


def test_pruning_by_use_keeps_both_forms_of_what_a_run_used(store: CompletionStore) -> None:
    assert prune(store, Unneeded(unused_by=frozenset({"a"})))[0] == 2
    assert keys(store) == {"a", "a-second"}


def test_all_that_is_asked_must_hold(store: CompletionStore) -> None:
    assert prune(store, Unneeded(model="small", before=time.time() - 1000))[0] == 0
    assert prune(store, Unneeded(model="small", before=time.time() + 1, unused_by=frozenset({"a"})))[0] == 1
    assert keys(store) == {"a", "a-second", "c"}


def test_a_prune_without_criteria_is_refused(store: CompletionStore) -> None:
    with pytest.raises(ValueError, match="nothing says"):
        prune(store, Unneeded())


def test_a_cache_of_the_format_before_keeps_its_answers_and_takes_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(FORMAT_1)
    connection.close()
    with CompletionStore(path) as store, CompletionStore(path) as other:
        other.put("new", ANSWER, model="small", prompt="new")
        assert {row.model: row.answers for row in answers_by_model(store)} == {"": 1, "small": 1}
        assert prune(store, Unneeded(unused_by=frozenset()))[0] == 1, "of the old answer nobody knows the prompt"
        assert keys(store) == {"old"}
        assert prune(store, Unneeded(model="", before=2.0))[0] == 1


def test_a_writer_goes_on_while_another_process_prunes(store: CompletionStore) -> None:
    with CompletionStore(store.path) as writer:
        for number in range(200):
            writer.put(f"{number}", ANSWER, model="small", prompt=f"{number}")
            if number % 50 == 49:
                prune(store, Unneeded(model="large"))
        assert len(writer) == 203


def test_a_prune_that_fails_removes_nothing(store: CompletionStore) -> None:
    with pytest.raises(RuntimeError), store.transaction() as connection:
        connection.execute("DELETE FROM completions")
        raise RuntimeError("stopped in the middle")
    assert len(store) == 4


def test_what_was_removed_is_given_back_to_the_disk(store: CompletionStore) -> None:
    for number in range(300):
        store.put(f"{number}", Completion("y" * 4000, 1, 1, "stop"), model="wordy", prompt=f"{number}")
    assert store.compact()
    before = store.path.stat().st_size
    prune(store, Unneeded(model="wordy"))
    assert store.compact()
    assert store.path.stat().st_size < before / 10
    assert len(store) == 4


def test_a_cache_in_use_is_not_compacted_but_stays_whole(store: CompletionStore) -> None:
    store._connection.execute("PRAGMA busy_timeout = 0")
    with CompletionStore(store.path) as reader, reader.transaction():
        assert not store.compact()
    assert len(store) == 4


def test_a_run_says_which_prompts_it_used(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "films")
    folder.root.mkdir()
    folder.path("interactions.parquet").touch()
    (tmp_path / "not-a-run").mkdir()
    assert run_folders(tmp_path) == [folder]
    with pytest.raises(RecaudienceError, match=r"films: not annotated yet"):
        used_prompts(folder)
    annotate(folder, ["a", "b"])
    assert used_prompts(folder) == {"a", "b"}
    folder.path("annotations.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="annotations"):
        used_prompts(folder)
