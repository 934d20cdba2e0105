"""How far a long step is: a bar on a terminal, a log line now and then elsewhere, and an artifact in Prefect's UI.

The command line lends its live display by `shown_on`; a bar and the log lines then share one terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tasks.step import step_logger

_LOG_SECONDS = 10.0
_ARTIFACT_SECONDS = 5.0
_DISPLAY: ContextVar[Progress | None] = ContextVar("display", default=None)

Show = Callable[[int, str], None]
"""From what is done and some words about it."""


def live_display(console: Console) -> Progress:
    """A display for the bars of all steps; `shown_on` lends it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[words]}"), console=console, transient=True)


@contextmanager
def shown_on(display: Progress) -> Iterator[None]:
    """Show the bars of all steps on a display that is live meanwhile."""
    token = _DISPLAY.set(display)
    try:
        with display:
            yield
    finally:
        _DISPLAY.reset(token)


@contextmanager
def step_progress(label: str, total: int) -> Iterator[Show]:
    """Yield a callback that shows how far a step is.

    Parameters
    ----------
    label
        What is counted.
    total
        All there is of it.
    """
    artifact = _Artifact(label, total)
    with _bar(label, total) if sys.stderr.isatty() else _lines(label, total) as show:

        def show_everywhere(done: int, words: str = "") -> None:
            show(done, words)
            artifact.show(done, words)

        yield show_everywhere
        artifact.finish()


@contextmanager
def _bar(label: str, total: int) -> Iterator[Show]:
    lent = _DISPLAY.get()
    with live_display(Console(stderr=True)) if lent is None else nullcontext(lent) as bars:
        bar = bars.add_task(label, total=total, words="")
        try:
            yield lambda done, words: bars.update(bar, completed=done, words=words)
        finally:
            bars.refresh()
            bars.remove_task(bar)


@contextmanager
def _lines(label: str, total: int) -> Iterator[Show]:
    logger, last = step_logger(), time.monotonic()

    def show(done: int, words: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_SECONDS:
            last = time.monotonic()
            logger.info("%s: %d of %d%s", label, done, total, f", {words}" if words else "")

    yield show


class _Artifact:
    """A progress bar in Prefect's UI, made once a step has taken a while; none outside of a Prefect run."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total = label, total
        self._id: UUID | None = None
        self._last = time.monotonic()
        self._lost = TaskRunContext.get() is None

    def show(self, done: int, words: str) -> None:
        """Bring the artifact up to date, now and then."""
        if not self._lost and time.monotonic() - self._last >= _ARTIFACT_SECONDS:
            self._last = time.monotonic()
            self._publish(done, f"{self._label}: {done} of {self._total} {words}".rstrip())

    def finish(self) -> None:
        """Leave the artifact, where there is one, at its end."""
        if not self._lost and self._id is not None:
            self._publish(self._total, f"{self._label}: {self._total} of {self._total}")

    def _publish(self, done: int, words: str) -> None:
        percent = 100.0 * min(1.0, done / max(1, self._total))
        try:
            if self._id is None:
                self._id = cast("UUID", create_progress_artifact(percent, description=words))  # not awaited here
            else:
                update_progress_artifact(self._id, percent, description=words)
        except httpx.HTTPError as error:  # a bar is no reason for a step to fail
            self._lost = True
            step_logger().warning("%s: progress is not shown in Prefect's UI any more (%s)", self._label, error)
