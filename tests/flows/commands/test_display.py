"""A terminal shows the steps' own lines; a log file keeps all."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import prefect
import pytest
from prefect.logging.handlers import PrefectConsoleHandler

from flows.commands.display import LOG, run_display

PREFECTS = str(Path(prefect.__file__).parent / "flow_engine.py")
OURS = str(Path("tasks") / "steps" / "annotate.py")


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Iterator[PrefectConsoleHandler]:
    handler = PrefectConsoleHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def say(message: str, file: str, level: int = logging.INFO) -> None:
    logging.getLogger().handle(logging.LogRecord("prefect.task_runs", level, file, 1, message, (), None))


@pytest.mark.usefixtures("console")
@pytest.mark.parametrize("verbose", [False, True])
def test_prefects_own_lines_are_shown_only_where_asked_for(
    verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_display(tmp_path, verbose=verbose):
        say("annotate: 3 of 9", OURS)
        say("Finished in state Completed()", PREFECTS)
        say("the server is slow", PREFECTS, logging.WARNING)
    shown = capsys.readouterr().err
    assert "annotate: 3 of 9" in shown
    assert "the server is slow" in shown
    assert ("Finished in state" in shown) == verbose
    assert "Finished in state Completed()" in (tmp_path / LOG).read_text()


@pytest.mark.usefixtures("console")
def test_afterwards_lines_are_shown_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with run_display(tmp_path, verbose=False):
        pass
    say("Finished in state Completed()", PREFECTS)
    assert "Finished in state Completed()" in capsys.readouterr().err
    assert "Finished" not in (tmp_path / LOG).read_text()
