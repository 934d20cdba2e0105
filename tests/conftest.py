"""Fixtures that several tests share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import tables
from storage.files import publish

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture
def shared_dataset() -> Callable[[str], Path]:
    """Path of a real dataset of ../shared/datasets by its folder's name; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        if not (_SHARED / name).is_dir():
            pytest.skip(f"real dataset {name} is not in ../shared/datasets")
        return _SHARED / name

    return find


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run flows.

    It runs until the session ends. Without it Prefect starts a server by itself, even to send what a server that was
    stopped earlier has missed.
    """
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        yield


def pytest_sessionfinish() -> None:
    """Stop a server that Prefect started by itself, once it has received what is waiting for it.

    Otherwise Prefect stops it when the interpreter exits, and logs that to a stream that pytest has closed by then. Its
    log is off meanwhile, so that pytest's summary is the last line.
    """
    if "prefect.server.api.server" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.server.api.server import SubprocessASGIServer

    logging.disable(logging.CRITICAL)
    EventsWorker.drain_all()
    APILogWorker.drain_all()
    SubprocessASGIServer().stop()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the disk be full when a table of a name is written: it is written to the system's device that is."""

    def be_full_at(name: str) -> None:
        @contextmanager
        def publish_to_a_full_disk(target: Path) -> Iterator[Path]:
            with publish(target) as temporary:
                yield Path("/dev/full") if target.name == name else temporary

        monkeypatch.setattr(tables, "publish", publish_to_a_full_disk)

    return be_full_at
