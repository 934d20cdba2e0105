"""How far a batch of questions is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from tasks.llm.questions import Tally
from tasks.progress import step_progress


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
    with step_progress(label, total) as show:
        yield lambda tally: show(tally.done, _rate(tally))


def _rate(tally: Tally) -> str:
    """Rate, time left at that rate, and failures.

    What came from the cache counts as done but not towards the rate: it says nothing about what is left.
    """
    rate = tally.per_second(tally.uncached)
    left = f", {timedelta(seconds=round((tally.total - tally.done) / rate))} left" if rate > 0 else ""
    return f"{rate:.1f}/s, {tally.per_second(tally.output_tokens):.0f} tokens/s{left}, {tally.failed} failed"
