"""The command line says what is wrong before anything is started, and in one message."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands import command_line
from storage.errors import DataError, RecaudienceError, SettingsError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("RECAUDIENCE_DATA", str(tmp_path / "data"))


def error_of(*words: str) -> RecaudienceError:
    result = CliRunner().invoke(command_line.app, list(words))
    assert isinstance(result.exception, RecaudienceError), result.output
    return result.exception


def test_a_misspelt_dataset_is_named_with_the_known_ones() -> None:
    error = error_of("reproduce", "sampel")
    assert isinstance(error, SettingsError)
    assert "Did you mean 'sample'" in str(error)


def test_a_missing_source_says_where_the_files_come_from() -> None:
    error = error_of("reproduce", "movielens")
    assert isinstance(error, DataError)
    assert "--source" in str(error)
    assert "GroupLens" in str(error)


@pytest.mark.parametrize("cap", ["0", "-3", "many", "1.5"])
def test_a_cap_on_prompts_is_a_whole_number_or_all(cap: str) -> None:
    assert "whole number" in str(error_of("reproduce", "sample", f"--max-prompts={cap}"))


def test_an_unfinished_run_has_no_report_and_explains_nothing() -> None:
    assert "recaudience reproduce sample" in str(error_of("report", "sample"))
    explain = ("explain", "sample", "--user", "u1", "--item", "i1")
    assert str(error_of(*explain)).endswith("recaudience reproduce sample")
    assert str(error_of(*explain, "--split", "loo")).endswith("recaudience reproduce sample --split loo")


def test_an_unknown_language_model_is_named_with_the_known_ones() -> None:
    assert "embedded" in str(error_of("reproduce", "sample", "--llm", "chatglm-6b"))


def test_the_language_models_are_listed_with_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(shutil, "which", lambda command: None)
    lines = CliRunner().invoke(command_line.app, ["llm", "profiles"]).output.splitlines()
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows.keys() >= {"embedded", "chatglm3-6b", "chatglm2-6b", "glm-4-9b", "openai"}
    assert "OPENAI_API_KEY is not set" in rows["openai"]
    assert "no GPU here" in rows["glm-4-9b"] or "not installed" in rows["glm-4-9b"]
    assert all(text in rows["embedded"] for text in ("SmolLM2-135M-Instruct", "cpu", "4 GiB", "few_shot"))


def test_the_datasets_are_listed() -> None:
    result = CliRunner().invoke(command_line.app, ["datasets"])
    assert all(name in result.output for name in ("sample", "amazon-music", "movielens"))


def test_an_expected_error_ends_with_a_message_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recaudience", "report", "sample"])
    with pytest.raises(SystemExit, match="1"):
        command_line.main()
    captured = capsys.readouterr()
    assert captured.err.startswith("error:")
    assert "Traceback" not in captured.err


def test_a_full_disk_ends_with_a_message_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "data/sample/report/fidelity.json")

    monkeypatch.setattr(command_line, "app", full)
    with pytest.raises(SystemExit, match="1"):
        command_line.main()
    error = capsys.readouterr().err
    assert "No space left on device: 'data/sample/report/fidelity.json'" in error
    assert "Free some space" in error


@pytest.mark.parametrize("values", ["dropout", "dropout=", "dropout=[0.1"])
def test_values_to_try_are_named_and_listed(values: str) -> None:
    assert "--try" in str(error_of("tune", "sample", "--try", values))


@pytest.mark.parametrize(
    ("values", "message"),
    [("widht=4", "Did you mean 'width'"), ("dropout=0.1,2", "setting sasrec.dropout: Input should be less than 1")],
)
def test_values_to_try_are_checked_before_anything_starts(values: str, message: str) -> None:
    assert message in str(error_of("tune", "sample", "--try", values))


def test_a_step_to_run_again_from_is_one_of_the_pipelines() -> None:
    result = CliRunner().invoke(command_line.app, ["rerun", "sample", "--from", "train"])
    assert result.exit_code == 2
    assert "train-sasrec" in result.output


@pytest.mark.parametrize("port", ["70000", "80", "http"])
def test_a_port_that_cannot_be_is_refused_in_a_few_lines(port: str) -> None:
    result = CliRunner().invoke(command_line.app, ["serve", "--port", port])
    assert result.exit_code == 2
    assert "Invalid value for '--port'" in result.output
    assert len(result.output.splitlines()) < 10
