"""What goes wrong while a file is fetched is told in one message that says what to do."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from storage.downloads import downloads
from storage.errors import DataError, RecaudienceError
from storage.locks import exclusive
from storage.run_folder import RunFolder
from tests.support.downloads import CUT, error_of, fetch, interrupted, visible
from tests.support.publisher import CONTENT, Publisher


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "moved or removed"), (410, "moved or removed"), (403, "account"), (503, "later"), (418, "profile")],
)
def test_a_refusal_names_address_status_and_remedy_and_leaves_nothing(
    publisher: Publisher, tmp_path: Path, status: int, words: str
) -> None:
    publisher.status = status
    error = error_of(publisher, tmp_path)
    assert error.startswith(f"{publisher.url}: the server answered {status} ")
    assert words in error
    assert str(tmp_path / "ratings.zip") in error
    assert visible(tmp_path) == []
    assert len(publisher.requests) == 1


def test_a_busy_server_that_says_when_is_passed_on_and_what_has_come_is_kept(
    publisher: Publisher, tmp_path: Path
) -> None:
    interrupted(publisher, tmp_path)
    publisher.status, publisher.headers = 503, {"Retry-After": "120"}
    assert "Try again in 120 seconds" in error_of(publisher, tmp_path)
    assert (tmp_path / "ratings.zip.part").read_bytes() == CONTENT[:CUT]


def test_an_address_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens: connections are refused
        taken.bind(("127.0.0.1", 0))
        nobody = Publisher(address=f"http://127.0.0.1:{taken.getsockname()[1]}")
        error = error_of(nobody, tmp_path)
        checksum_error = error_of(nobody, tmp_path, md5_url=f"{nobody.url}.md5")
    assert error.startswith(f"{nobody.url}: cannot be reached")
    assert "Check the network connection" in error
    assert checksum_error.startswith(f"{nobody.url}.md5: cannot be reached")
    assert visible(tmp_path) == []


def test_a_login_page_is_not_taken_for_the_file(publisher: Publisher, tmp_path: Path) -> None:
    interrupted(publisher, tmp_path)
    publisher.ranges, publisher.headers = False, {"Content-Type": "text/html; charset=utf-8"}
    assert "web page instead of the file" in error_of(publisher, tmp_path)
    assert (tmp_path / "ratings.zip.part").read_bytes() == CONTENT[:CUT]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_up_is_told(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "ratings.zip.part").symlink_to("/dev/full")
    assert "the disk is full" in error_of(publisher, tmp_path)
    assert visible(tmp_path) == ["ratings.zip.part"]


def test_a_disk_without_room_is_told_before_it_fills_up(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(publisher, tmp_path)
    total, used, _ = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(total, used, 1000))
    error = error_of(publisher, tmp_path)
    assert f"{len(CONTENT) - CUT:,} bytes are to come, 1,000 are free" in error
    assert (tmp_path / "ratings.zip.part").read_bytes() == CONTENT[:CUT]


def test_a_folder_that_cannot_be_one_is_told(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be read or written" in error_of(publisher, tmp_path / "file")


def test_two_fetches_into_one_folder_do_not_mix(publisher: Publisher, tmp_path: Path) -> None:
    with exclusive(RunFolder(tmp_path)), pytest.raises(RecaudienceError, match="another run"):
        fetch(publisher, tmp_path)
    assert publisher.requests == []


def test_a_record_that_is_none_is_told(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / ".fetched.json").write_text('{"ratings.zip": 1}')
    with pytest.raises(DataError, match=r"\.fetched\.json: not a record"):
        fetch(publisher, tmp_path)
