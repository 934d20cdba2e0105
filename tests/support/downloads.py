"""Fetches from a publisher's server, as tests look at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.downloads.downloads import Fetched, fetch_files
from storage.errors import DownloadError
from storage.settings.fetch import RemoteFile
from tests.support.publisher import Publisher

CUT = 70_000


def fetch(publisher: Publisher, folder: Path, **settings: str) -> Fetched:
    file = RemoteFile.model_validate({"url": publisher.url} | settings)
    [fetched] = fetch_files([file], folder, lambda name, done, size: None)
    return fetched


def error_of(publisher: Publisher, folder: Path, **settings: str) -> str:
    with pytest.raises(DownloadError) as caught:
        fetch(publisher, folder, **settings)
    return str(caught.value)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def interrupted(publisher: Publisher, folder: Path) -> None:
    """A fetch that got CUT bytes; the server is well again."""
    publisher.until = CUT
    assert f"{CUT:,} bytes are kept" in error_of(publisher, folder)
    assert visible(folder) == ["ratings.zip.part"]
    assert (folder / "ratings.zip.part").read_bytes() == publisher.content[:CUT]
    publisher.until = None
    publisher.requests.clear()
    publisher.if_ranges.clear()
