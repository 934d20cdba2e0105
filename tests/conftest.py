"""Fixtures that several tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture
def shared_dataset() -> Callable[[str], Path]:
    """Path of a real dataset of ../shared/datasets by its folder's name; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        if not (_SHARED / name).is_dir():
            pytest.skip(f"real dataset {name} is not in ../shared/datasets")
        return _SHARED / name

    return find
