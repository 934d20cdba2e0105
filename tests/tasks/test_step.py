"""Steps are cached by content, checked against their outputs, and never retried for the user's mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prefect import flow
from pydantic import BaseModel, ConfigDict

from storage.errors import DataError
from storage.files import publish
from storage.run_folder import RunFolder
from tasks.step import StepResult, Summary, dependents, running_again, step

pytestmark = pytest.mark.usefixtures("prefect_server")
calls: list[str] = []


class Letter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = "a"


def _write(path: Path, text: str) -> None:
    with publish(path) as temporary:
        temporary.write_text(text)


@step(version="1", reads=(), writes=("first.txt",))
def write_first(folder: RunFolder, settings: Letter) -> Summary:
    calls.append("first")
    _write(folder.path("first.txt"), settings.text)
    return {"letters": len(settings.text)}


@step(version="1", reads=("first.txt",), writes=("second.txt",))
def write_second(folder: RunFolder, settings: Letter) -> Summary:
    calls.append("second")
    _write(folder.path("second.txt"), folder.path("first.txt").read_text() + settings.text)
    return {}


@step(version="1", reads=(), writes=("never.txt",))
def refuse(folder: RunFolder, settings: Letter) -> Summary:
    calls.append("refuse")
    raise DataError("a letter is missing", remedy="Write one", file="letters.csv", row=3, field="letter")


@flow
def pipeline(root: str, first: str, second: str) -> list[StepResult]:
    folder = RunFolder(Path(root))
    return [write_first.run(folder, Letter(text=first)), write_second.run(folder, Letter(text=second))]


@flow
def refusing(root: str) -> None:
    refuse.run(RunFolder(Path(root)), Letter())


@pytest.fixture
def root(tmp_path: Path) -> str:
    calls.clear()
    return str(tmp_path / "run")


def test_a_second_run_with_nothing_changed_does_no_step_again(root: str) -> None:
    pipeline(root, "a", "b")
    results = pipeline(root, "a", "b")
    assert calls == ["first", "second"]
    assert [result.cached for result in results] == [True, True]


def test_a_step_that_is_to_run_again_runs_although_nothing_changed(root: str) -> None:
    pipeline(root, "a", "b")
    with running_again(["write-second"]):
        results = pipeline(root, "a", "b")
    assert calls == ["first", "second", "second"]
    assert [result.cached for result in results] == [True, False]
    pipeline(root, "a", "b")
    assert calls == ["first", "second", "second"]


def test_what_depends_on_a_step_reads_its_outputs_or_theirs() -> None:
    third = replace(write_second, name="write-third", reads=("second.txt",), writes=("third.txt",))
    steps = (write_first, refuse, write_second, third)
    assert dependents("write-first", steps) == ["write-first", "write-second", "write-third"]
    assert dependents("write-third", steps) == ["write-third"]
    assert dependents("refuse", steps) == ["refuse"]


def test_a_changed_setting_reruns_its_step_and_only_what_reads_other_content(root: str) -> None:
    pipeline(root, "a", "b")
    pipeline(root, "a", "c")
    assert calls == ["first", "second", "second"]
    pipeline(root, "x", "c")
    assert calls[3:] == ["first", "second"]
    assert RunFolder(Path(root)).path("second.txt").read_text() == "xc"


def test_a_deleted_output_is_made_again(root: str) -> None:
    pipeline(root, "a", "b")
    RunFolder(Path(root)).path("second.txt").unlink()
    pipeline(root, "a", "b")
    assert calls == ["first", "second", "second"]
    assert RunFolder(Path(root)).path("second.txt").read_text() == "ab"


def test_an_output_changed_by_hand_is_made_again(root: str) -> None:
    pipeline(root, "a", "b")
    RunFolder(Path(root)).path("first.txt").write_text("tampered")
    pipeline(root, "a", "b")
    assert calls == ["first", "second", "first"]
    assert RunFolder(Path(root)).path("first.txt").read_text() == "a"


def test_an_error_in_the_data_is_not_retried(root: str) -> None:
    with pytest.raises(DataError, match=r"letters\.csv, row 3, field 'letter': a letter is missing\. Write one"):
        refusing(root)
    assert calls == ["refuse"]
