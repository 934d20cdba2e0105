"""Files come whole and checked or not at all, and bytes that are there are not fetched again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.downloads.downloads import fetch_files
from storage.settings.fetch import RemoteFile
from tests.support.downloads import CUT, error_of, fetch, interrupted, visible
from tests.support.publisher import CONTENT, DATE, Publisher

OTHER = CONTENT[::-1] + b"more"


def test_a_file_comes_whole_under_its_own_name(publisher: Publisher, tmp_path: Path) -> None:
    seen = []
    [fetched] = fetch_files(
        [RemoteFile(url=publisher.url, md5=publisher.md5)], tmp_path / "new" / "folder", lambda *step: seen.append(step)
    )
    assert (fetched.is_new, fetched.size, fetched.check) == (True, len(CONTENT), "MD5 as published")
    assert fetched.path == tmp_path / "new" / "folder" / "ratings.zip"
    assert fetched.path.read_bytes() == CONTENT
    assert visible(fetched.path.parent) == ["ratings.zip"]
    assert seen[0] == ("ratings.zip", 0, len(CONTENT))
    assert seen[-1] == ("ratings.zip", len(CONTENT), len(CONTENT))


def test_a_file_that_was_fetched_is_verified_and_the_server_is_asked_nothing(
    publisher: Publisher, tmp_path: Path
) -> None:
    fetch(publisher, tmp_path)
    publisher.requests.clear()
    again = fetch(publisher, tmp_path)
    assert (again.is_new, again.path.read_bytes(), publisher.requests) == (False, CONTENT, [])


def test_a_fetched_file_that_was_damaged_is_fetched_anew(publisher: Publisher, tmp_path: Path) -> None:
    path = fetch(publisher, tmp_path).path
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(publisher, tmp_path).is_new
    assert path.read_bytes() == CONTENT


def test_a_file_that_lies_there_is_taken_where_it_is_the_publishers(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "ratings.zip").write_bytes(CONTENT)
    assert not fetch(publisher, tmp_path, md5=publisher.md5).is_new
    assert publisher.requests == []


def test_a_file_that_was_put_there_after_an_interrupted_fetch_is_taken_too(
    publisher: Publisher, tmp_path: Path
) -> None:
    interrupted(publisher, tmp_path)
    (tmp_path / "ratings.zip").write_bytes(CONTENT)
    assert not fetch(publisher, tmp_path, md5=publisher.md5).is_new
    assert publisher.requests == []
    assert visible(tmp_path) == ["ratings.zip"]


def test_without_a_published_md5_a_file_that_lies_there_must_have_the_published_size(
    publisher: Publisher, tmp_path: Path
) -> None:
    target = tmp_path / "ratings.zip"
    target.write_bytes(CONTENT)
    assert not fetch(publisher, tmp_path).is_new
    assert [method for method, _, _ in publisher.requests] == ["HEAD"]
    (tmp_path / ".fetched.json").unlink()
    target.write_bytes(b"mine")
    assert f"expected {len(CONTENT)} bytes, found 4 bytes. Move it away" in error_of(publisher, tmp_path)
    assert "found the MD5" in error_of(publisher, tmp_path, md5=publisher.md5)
    assert target.read_bytes() == b"mine"


def test_an_interrupted_fetch_goes_on_and_asks_only_for_the_rest(publisher: Publisher, tmp_path: Path) -> None:
    interrupted(publisher, tmp_path)
    assert fetch(publisher, tmp_path, md5=publisher.md5).path.read_bytes() == CONTENT
    assert publisher.asked == [f"bytes={CUT}-"]
    assert publisher.if_ranges == ['"one"']
    assert visible(tmp_path) == ["ratings.zip"]


@pytest.mark.parametrize("cut", [1, 65_536, len(CONTENT) - 1])
def test_it_goes_on_from_any_byte(publisher: Publisher, tmp_path: Path, cut: int) -> None:
    interrupted(publisher, tmp_path)
    (tmp_path / "ratings.zip.part").write_bytes(CONTENT[:cut])
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [f"bytes={cut}-"]


def test_a_connection_that_drops_is_taken_up_again_at_once(publisher: Publisher, tmp_path: Path) -> None:
    publisher.until = CUT

    def mend(name: str, done: int, size: int | None) -> None:
        if done == CUT:
            publisher.until = None

    [fetched] = fetch_files([RemoteFile(url=publisher.url)], tmp_path, mend)
    assert fetched.path.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={CUT}-"]


def test_a_fetch_that_was_killed_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    publisher.until, publisher.held = CUT, threading.Event()
    script = (
        "import sys; from pathlib import Path; from storage.downloads.downloads import fetch_files\n"
        "from storage.settings.fetch import RemoteFile\n"
        "show = lambda name, done, size: print(done, flush=True)\n"
        "list(fetch_files([RemoteFile(url=sys.argv[1])], Path(sys.argv[2]), show))"
    )
    command = [sys.executable, "-c", script, publisher.url, str(tmp_path)]
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == CUT:
                process.kill()
        assert process.wait() == -9
    publisher.held.set()
    publisher.until = publisher.held = None
    assert visible(tmp_path) == ["ratings.zip.part"]
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={CUT}-"]


def test_one_that_ended_between_the_last_byte_and_the_check_asks_nothing_more(
    publisher: Publisher, tmp_path: Path
) -> None:
    interrupted(publisher, tmp_path)
    (tmp_path / "ratings.zip.part").write_bytes(CONTENT)
    assert fetch(publisher, tmp_path, md5=publisher.md5).path.read_bytes() == CONTENT
    assert publisher.requests == []


def test_a_file_that_changed_at_the_publisher_comes_whole(publisher: Publisher, tmp_path: Path) -> None:
    interrupted(publisher, tmp_path)
    publisher.content, publisher.headers = OTHER, {"ETag": '"two"'}
    assert fetch(publisher, tmp_path).path.read_bytes() == OTHER
    assert publisher.asked == [f"bytes={CUT}-"]


@pytest.mark.parametrize("content", [OTHER, CONTENT[::-1]])
def test_a_part_of_a_changed_file_is_not_appended_though_the_server_sends_it(
    publisher: Publisher, tmp_path: Path, content: bytes
) -> None:
    interrupted(publisher, tmp_path)
    publisher.content, publisher.headers, publisher.heeds_if_range = content, {"ETag": '"two"'}, False
    assert fetch(publisher, tmp_path).path.read_bytes() == content
    assert publisher.asked == [f"bytes={CUT}-", None]


def test_a_server_without_ranges_sends_it_all_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.ranges = False
    interrupted(publisher, tmp_path)
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [f"bytes={CUT}-"]


def test_a_server_that_refuses_the_range_is_asked_for_all(publisher: Publisher, tmp_path: Path) -> None:
    interrupted(publisher, tmp_path)
    publisher.range_status = 416
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [f"bytes={CUT}-", None]


def test_a_date_serves_where_the_etag_is_weak(publisher: Publisher, tmp_path: Path) -> None:
    publisher.headers = {"ETag": 'W/"one"', "Last-Modified": DATE}
    interrupted(publisher, tmp_path)
    fetch(publisher, tmp_path)
    assert (publisher.asked, publisher.if_ranges) == ([f"bytes={CUT}-"], [DATE])


def test_without_etag_or_date_all_is_asked_for(publisher: Publisher, tmp_path: Path) -> None:
    publisher.headers, publisher.until = {}, CUT
    error_of(publisher, tmp_path)
    publisher.until = None
    publisher.requests.clear()
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [None]


@pytest.mark.parametrize("left", [CONTENT + b"too long", b""])
def test_a_part_that_cannot_be_one_is_replaced(publisher: Publisher, tmp_path: Path, left: bytes) -> None:
    interrupted(publisher, tmp_path)
    (tmp_path / "ratings.zip.part").write_bytes(left)
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
    assert publisher.asked == [None]


def test_a_part_that_was_tampered_with_fails_the_checksum_and_the_next_fetch_is_fresh(
    publisher: Publisher, tmp_path: Path
) -> None:
    interrupted(publisher, tmp_path)
    (tmp_path / "ratings.zip.part").write_bytes(b"x" * CUT)
    assert "What came was removed" in error_of(publisher, tmp_path, md5=publisher.md5)
    assert fetch(publisher, tmp_path, md5=publisher.md5).path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(publisher: Publisher, tmp_path: Path) -> None:
    error = error_of(publisher, tmp_path, md5="0" * 32)
    assert f"expected the MD5 {'0' * 32}, got {publisher.md5}" in error
    assert publisher.url in error
    assert visible(tmp_path) == []


def test_a_wrong_checksum_leaves_the_earlier_file(publisher: Publisher, tmp_path: Path) -> None:
    path = fetch(publisher, tmp_path).path
    error_of(publisher, tmp_path, md5="0" * 32)
    assert path.read_bytes() == CONTENT
    assert visible(tmp_path) == ["ratings.zip"]


@pytest.mark.parametrize("form", ["MD5 (ratings.zip) = {}\n", "{}  ratings.zip\n", "{}"])
def test_a_checksum_beside_the_file_is_fetched_in_any_usual_form(
    publisher: Publisher, tmp_path: Path, form: str
) -> None:
    publisher.md5_text = form.format(publisher.md5.upper())
    assert fetch(publisher, tmp_path, md5_url=f"{publisher.url}.md5").check == "MD5 as published"
    publisher.md5_text = form.format(hashlib.md5(b"other", usedforsecurity=False).hexdigest())
    assert "expected the MD5" in error_of(publisher, tmp_path / "b", md5_url=f"{publisher.url}.md5")


def test_a_checksum_page_without_one_is_told_before_the_file_is_fetched(publisher: Publisher, tmp_path: Path) -> None:
    publisher.md5_text = "<html>moved"
    assert "32 hexadecimal digits, found '<html>moved'" in error_of(publisher, tmp_path, md5_url=f"{publisher.url}.md5")
    assert len(publisher.requests) == 1


def test_redirects_are_followed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.redirects["/files/ratings.zip"] = f"{publisher.address}/mirror/ratings.zip"
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT


def test_redirects_in_a_ring_end(publisher: Publisher, tmp_path: Path) -> None:
    publisher.redirects["/files/ratings.zip"] = publisher.url
    assert "cannot be reached" in error_of(publisher, tmp_path)


def test_packed_files_stay_packed_where_the_server_calls_that_an_encoding(publisher: Publisher, tmp_path: Path) -> None:
    publisher.headers = {"ETag": '"one"', "Content-Encoding": "gzip"}
    interrupted(publisher, tmp_path)
    assert fetch(publisher, tmp_path).path.read_bytes() == CONTENT
