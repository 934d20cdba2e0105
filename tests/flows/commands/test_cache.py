"""`recaudience cache` counts the answers and removes only what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands import command_line
from storage.completions import Completion, CompletionStore
from storage.errors import RecaudienceError, SettingsError
from storage.locks import exclusive
from storage.run_folder import RunFolder
from tests.storage.test_completion_upkeep import annotate

ANSWER = Completion("x" * 100, 10, 5, "stop")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A run that uses one of three answers, two of which are old."""
    folder = RunFolder(tmp_path / "films")
    folder.root.mkdir()
    folder.path("interactions.parquet").touch()
    annotate(folder, ["used"])
    with CompletionStore(tmp_path / "completions.sqlite") as store:
        for key, model in (("used", "small"), ("unused", "small"), ("young", "large")):
            store.put(key, ANSWER, model=model, prompt=key)
        store._connection.execute("UPDATE completions SET created = 0 WHERE key != 'young'")
    return tmp_path


def cache(data: Path, *words: str) -> str:
    result = CliRunner().invoke(command_line.app, ["cache", *words, "--data", str(data)])
    if result.exception is not None:
        raise result.exception
    return result.output


def keys(data: Path) -> set[str]:
    with CompletionStore(data / "completions.sqlite") as store:
        return set(store.get_many(["used", "unused", "young"]))


def test_answers_are_counted_by_model_and_by_run(data: Path) -> None:
    lines = [line.split() for line in cache(data, "stats").splitlines() if line.strip()]
    assert ["small", "2", "210", "bytes", "20", "10", "1970-01-01", "1970-01-01"] in lines
    assert ["films", "1", "104", "bytes"] in lines
    assert lines[-1][1:3] == ["3", "answers,"]


def test_unused_answers_go_when_they_are_a_day_old(data: Path) -> None:
    assert "1 answers" in cache(data, "prune", "--unused", "--dry-run")
    assert keys(data) == {"used", "unused", "young"}
    assert "1 answers" in cache(data, "prune", "--unused")
    assert keys(data) == {"used", "young"}
    cache(data, "prune", "--unused", "--older-than", "0")
    assert keys(data) == {"used"}


def test_the_answers_of_a_model_go(data: Path) -> None:
    cache(data, "prune", "--model", "small")
    assert keys(data) == {"young"}


def test_old_answers_go(data: Path) -> None:
    cache(data, "prune", "--older-than", "30")
    assert keys(data) == {"young"}


def test_nothing_is_called_unused_while_a_run_is_working_or_unfinished(data: Path) -> None:
    with exclusive(RunFolder(data / "films")), pytest.raises(RecaudienceError, match="another run"):
        cache(data, "prune", "--unused")
    (data / "games").mkdir()
    (data / "games" / "interactions.parquet").touch()
    with pytest.raises(RecaudienceError, match="games: not annotated yet"):
        cache(data, "prune", "--unused")
    assert keys(data) == {"used", "unused", "young"}


def test_a_prune_must_say_what(data: Path) -> None:
    with pytest.raises(SettingsError, match="--unused"):
        cache(data, "prune")


def test_a_missing_cache_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"completions\.sqlite: no completion cache there"):
        cache(tmp_path, "stats")
    assert not (tmp_path / "completions.sqlite").exists()
