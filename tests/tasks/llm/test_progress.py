"""What is said of a running batch: how far, how fast, how long still, how many failed."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from tasks import progress
from tasks.llm.progress import batch_progress
from tasks.llm.questions import Tally

TALLY = Tally(100, cached=40, uncached=20, failed=3, output_tokens=500, seconds=10.0)
FIGURES = "2.0/s, 50 tokens/s, 0:00:20 left, 3 failed"


def test_a_log_line_now_and_then_tells_rate_tokens_time_left_and_failures(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with caplog.at_level(logging.INFO, "recaudience"), batch_progress("annotate", 100) as show:
        show(TALLY)
        monkeypatch.setattr(progress, "_LOG_SECONDS", 1e9)
        show(TALLY)
    assert caplog.messages == [f"annotate: 60 of 100, {FIGURES}"]


def test_before_the_first_answer_no_time_left_is_made_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with caplog.at_level(logging.INFO, "recaudience"), batch_progress("annotate", 100) as show:
        show(Tally(100, cached=40))
    assert caplog.messages == ["annotate: 40 of 100, 0.0/s, 0 tokens/s, 0 failed"]


def test_a_terminal_gets_a_bar_with_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    with batch_progress("annotate", 100) as show:
        show(TALLY)
    shown = terminal.getvalue()
    assert "60/100" in shown
    assert FIGURES in shown.replace("\x1b[0m", "")
