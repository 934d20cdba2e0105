"""What a terminal shows of a run: a bar for each long step, and the steps' own lines above it.

Prefect's own lines, such as the states of task runs, come only with `--verbose`. A log file in the data folder keeps
all lines either way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from logging.handlers import RotatingFileHandler
from pathlib import Path

from flows.prefect_environment import show_expected_errors_without_traceback

LOG = Path(".logs") / "runs.log"  # in the data folder
_LOG_BYTES, _OLD_LOGS = 5_000_000, 3


@contextmanager
def run_display(data: Path, *, verbose: bool) -> Iterator[None]:
    """Show a run that is started meanwhile; import Prefect only after its environment is set.

    Parameters
    ----------
    data
        The data folder.
    verbose
        Whether Prefect's own lines are shown too.
    """
    from prefect.logging.handlers import PrefectConsoleHandler

    from tasks.progress import live_display, shown_on

    show_expected_errors_without_traceback()
    root = logging.getLogger()
    consoles = [handler for handler in root.handlers if isinstance(handler, PrefectConsoleHandler)]
    file = _log_file(data / LOG)
    root.addHandler(file)
    before = [(handler, handler.formatter) for handler in consoles]
    if not verbose:
        for handler in consoles:
            handler.addFilter(is_for_people)
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    live = shown_on(live_display(consoles[0].console)) if consoles and sys.stderr.isatty() else nullcontext()
    try:
        with live:
            yield
    finally:
        for handler, formatter in before:
            handler.removeFilter(is_for_people)
            handler.setFormatter(formatter)
        root.removeHandler(file)
        file.close()


def is_for_people(record: logging.LogRecord) -> bool:
    """Whether a line is a step's own, or a warning; Prefect's messages about its states are neither."""
    import prefect

    return record.levelno >= logging.WARNING or Path(prefect.__file__).parent not in Path(record.pathname).parents


def _log_file(path: Path) -> RotatingFileHandler:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_OLD_LOGS, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
