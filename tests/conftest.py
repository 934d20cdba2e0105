"""Fixtures that several tests share."""

from __future__ import annotations

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
