"""What a long step shows while it runs."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from rich.console import Console

from tasks import progress
from tasks.progress import live_display, shown_on, step_progress

FIRST = UUID(int=1)


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str | None]]:
    """Progress that Prefect's UI was told, inside a task run."""
    told: list[tuple[float, str | None]] = []

    def create(percent: float, description: str | None = None) -> UUID:
        told.append((percent, description))
        return FIRST

    def update(artifact: UUID, percent: float, description: str | None = None) -> UUID:
        assert artifact == FIRST
        return create(percent, description)

    monkeypatch.setattr(progress, "_ARTIFACT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TaskRunContext", SimpleNamespace(get=object))
    monkeypatch.setattr(progress, "create_progress_artifact", create)
    monkeypatch.setattr(progress, "update_progress_artifact", update)
    return told


def test_an_artifact_follows_a_step_and_ends_whole(artifacts: list[tuple[float, str | None]]) -> None:
    with step_progress("epochs", 4) as show:
        show(1, "AUC 0.6")
        show(3, "AUC 0.7")
    assert artifacts == [(25, "epochs: 1 of 4 AUC 0.6"), (75, "epochs: 3 of 4 AUC 0.7"), (100, "epochs: 4 of 4")]


def test_a_short_step_makes_no_artifact(
    artifacts: list[tuple[float, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_ARTIFACT_SECONDS", 1e9)
    with step_progress("epochs", 4) as show:
        show(4, "")
    assert artifacts == []


def test_a_server_that_is_lost_fails_no_step(
    artifacts: list[tuple[float, str | None]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(percent: float, description: str | None = None) -> UUID:
        raise httpx.ConnectError("connection refused")

    monkeypatch.setattr(progress, "create_progress_artifact", refuse)
    with caplog.at_level(logging.WARNING, "recaudience"), step_progress("epochs", 4) as show:
        show(1, "")
        show(2, "")
    assert [message.split("(")[0] for message in caplog.messages] == [
        "epochs: progress is not shown in Prefect's UI any more "
    ]
    assert artifacts == []


def test_steps_share_a_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    display = live_display(Console(file=terminal, force_terminal=True, width=120))
    with shown_on(display):
        with step_progress("epochs", 4) as show:
            show(3, "AUC 0.7")
            display.refresh()
        assert display.tasks == []
    assert "3/4" in terminal.getvalue()
    assert "AUC 0.7" in terminal.getvalue()
