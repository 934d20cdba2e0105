"""How far a batch of questions is: a bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tasks.llm.questions import Tally
from tasks.step import Logger, step_logger

_LOG_SECONDS = 10.0


@contextmanager
def batch_progress(label: str, total: int) -> Iterator[Callable[[Tally], None]]:
    """Yield a callback that shows a tally.

    Parameters
    ----------
    label
        What is counted.
    total
        Number of questions.
    """
    if not sys.stderr.isatty():
        yield _log_lines(label, step_logger())
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")
        yield lambda tally: bar.update(task, completed=tally.done, rate=_rate(tally))


def _log_lines(label: str, logger: Logger) -> Callable[[Tally], None]:
    last = time.monotonic()

    def report(tally: Tally) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_SECONDS:
            last = time.monotonic()
            logger.info("%s: %d of %d, %s", label, tally.done, tally.total, _rate(tally))

    return report


def _rate(tally: Tally) -> str:
    """Rate, time left at that rate, and failures.

    What came from the cache counts as done but not towards the rate: it says nothing about what is left.
    """
    rate = tally.per_second(tally.uncached)
    left = f", {timedelta(seconds=round((tally.total - tally.done) / rate))} left" if rate > 0 else ""
    return f"{rate:.1f}/s, {tally.per_second(tally.output_tokens):.0f} tokens/s{left}, {tally.failed} failed"
