"""A publisher's server on the loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.publisher import Publisher, serving


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with serving(Publisher()) as running:
        yield running
