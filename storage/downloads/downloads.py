"""Fetching a publisher's files: resumable, checked, and never half a file under its final name.

Bytes go to NAME.part, which stays when a fetch ends early, however it ends. The next fetch asks for the rest with Range
and If-Range (RFC 9110, sections 13.1.5 and 14), so that a file that has changed since comes whole. A whole file is
checked, recorded with its SHA-256 in .fetched.json, and only then renamed; a later fetch verifies it against the record
and asks the server nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from storage.downloads.errors import disk_errors, disk_full, no_md5, refused, unreachable, web_page
from storage.downloads.records import DownloadRecord, DownloadRecords
from storage.errors import DownloadError
from storage.locks import exclusive
from storage.run_folder import RunFolder
from storage.settings.fetch import RemoteFile

_TIMEOUT = httpx.Timeout(60, connect=5)  # seconds; a server may be slow, but a missing network is told at once
_CONNECTIONS = 5  # that one fetch of a file uses at most, where each breaks off after bringing more of it
_HEADERS = {"Accept-Encoding": "identity"}  # the bytes as published: they are what is counted and checked
_BLOCK = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MD5 = re.compile(r"\b[0-9a-fA-F]{32}\b")

Progress = Callable[[str, int, int | None], None]
"""Told a file's name, how many bytes of it are there, and of how many where that is known."""


@dataclass(frozen=True)
class Fetched:
    """A file that is whole and checked.

    Parameters
    ----------
    path
        Where it is.
    size
        Its bytes.
    is_new
        Whether it was fetched now; False where it was there already.
    check
        What it was checked against.
    """

    path: Path
    size: int
    is_new: bool
    check: str


def fetch_files(files: Sequence[RemoteFile], folder: Path, progress: Progress) -> Iterator[Fetched]:
    """Fetch files into a folder, one after the other; those that are there already are verified and left alone.

    Parameters
    ----------
    files
        What to fetch.
    folder
        Target folder, created where missing.
    progress
        Told of every block that arrives.

    Raises
    ------
    DownloadError
        Where the server cannot be reached or refuses, a check fails, or the disk is full.
    RecaudienceError
        Where another process is fetching into the folder.
    """
    with (
        disk_errors(folder),
        exclusive(RunFolder(folder)),
        httpx.Client(timeout=_TIMEOUT, headers=_HEADERS, follow_redirects=True) as client,
    ):
        records = DownloadRecords(folder)
        for file in files:
            yield _Download(client, file, folder, records, progress).run()


class _Download:
    """One file on its way."""

    def __init__(
        self, client: httpx.Client, file: RemoteFile, folder: Path, records: DownloadRecords, progress: Progress
    ) -> None:
        self._client, self._file, self._records, self._progress = client, file, records, progress
        self._target, self._part = folder / file.name, folder / f"{file.name}.part"

    def run(self) -> Fetched:
        """Take what is there, or receive, check and publish it."""
        if self._target.exists() and self._is_as_recorded():
            return self._fetched("as it was fetched", is_new=False)
        md5 = self._file.md5 or self._published_md5()
        if self._target.exists() and (self._record is None or self._record.sha256 is None):
            return self._adopt(md5)
        self._receive()
        return self._publish(md5)

    @property
    def _record(self) -> DownloadRecord | None:
        return self._records.get(self._file.name)

    def _fetched(self, check: str, *, is_new: bool) -> Fetched:
        return Fetched(self._target, self._target.stat().st_size, is_new, check)

    def _is_as_recorded(self) -> bool:
        record = self._record
        if record is None or record.url != self._file.url or self._file.md5 not in (None, record.md5):
            return False
        return record.sha256 is not None and record.sha256 == _digests(self._target)[1]

    def _adopt(self, md5: str | None) -> Fetched:
        """Take a file that somebody put there, if it is the publisher's."""
        found_md5, sha256 = _digests(self._target)
        size = self._target.stat().st_size
        if md5 is not None:
            expected, actual = f"the MD5 {md5}", f"the MD5 {found_md5}"
        else:
            expected, actual = f"{_length_of(self._ask('HEAD', self._file.url))} bytes", f"{size} bytes"
        if expected != actual:
            raise DownloadError(
                f"{self._target}: is there already, not from a fetch, and is not the publisher's file: expected "
                f"{expected}, found {actual}. Move it away, or fetch into another folder with --to."
            )
        record = DownloadRecord(url=self._file.url, validator=None, size=size, md5=found_md5, sha256=sha256)
        self._records.put(self._file.name, record)
        self._part.unlink(missing_ok=True)
        return self._fetched("MD5 as published" if md5 else "size as published", is_new=False)

    def _published_md5(self) -> str | None:
        url = self._file.md5_url
        if url is None:
            return None
        text = self._ask("GET", url).text
        match = _MD5.search(text)
        if match is None:
            raise no_md5(url, text, self._target)
        return match[0].lower()

    def _ask(self, method: str, url: str) -> httpx.Response:
        try:
            response = self._client.request(method, url)
        except httpx.RequestError as error:
            raise unreachable(url, error, self._kept(), self._target) from error
        if response.status_code != httpx.codes.OK:
            raise refused(response, self._target)
        return response

    def _receive(self) -> None:
        """Bring the .part file to its full size; a connection that breaks off is taken up while each brings more."""
        for connection in range(1, _CONNECTIONS + 1):
            before = self._kept()
            try:
                while not self._stream():
                    self._part.unlink()
            except httpx.RequestError as error:
                if connection == _CONNECTIONS or self._kept() <= before:
                    raise unreachable(self._file.url, error, self._kept(), self._target) from error
            else:
                return

    def _kept(self) -> int:
        """Bytes of the .part file that a server can be asked to go on from."""
        record = self._record
        if record is None or record.url != self._file.url or not self._part.exists():
            return 0
        kept = self._part.stat().st_size
        if kept == record.size:
            return kept
        return kept if record.validator is not None and (record.size is None or kept < record.size) else 0

    def _stream(self) -> bool:
        """Ask for what is missing and append it; False where the server cannot go on from what is there."""
        kept, record = self._kept(), self._record
        headers = {}
        if kept and record is not None:
            if kept == record.size:
                return True
            headers = {"Range": f"bytes={kept}-", "If-Range": record.validator or ""}
        with self._client.stream("GET", self._file.url, headers=headers) as response:
            if response.status_code == httpx.codes.OK:
                self._append(response, 0, self._begin(response))
            elif not kept or record is None:
                raise refused(response, self._target)
            elif response.status_code == httpx.codes.PARTIAL_CONTENT:
                if not _continues(response, kept, record.size, record.validator):
                    return False
                self._append(response, kept, record.size)
            elif response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return False
            else:
                raise refused(response, self._target)
        return True

    def _begin(self, response: httpx.Response) -> int | None:
        """Empty the .part file and record what the server says of the file; returns its size where told."""
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise web_page(self._file.url, self._target)
        self._part.write_bytes(b"")  # first: the record must never speak of another version's bytes
        size = _length_of(response)
        self._records.put(
            self._file.name, DownloadRecord(url=self._file.url, validator=_validator_of(response), size=size)
        )
        return size

    def _append(self, response: httpx.Response, kept: int, size: int | None) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if size is not None and size - kept > free:
            raise disk_full(self._part, f"{size - kept:,} bytes are to come, {free:,} are free")
        with self._part.open("ab") as part:
            self._progress(self._file.name, kept, size)
            for block in response.iter_raw():
                part.write(block)
                part.flush()  # what has come survives a kill
                kept += len(block)
                self._progress(self._file.name, kept, size)

    def _publish(self, md5: str | None) -> Fetched:
        """Check the .part file and give it its final name, or remove it."""
        record, size = self._record, self._part.stat().st_size
        found_md5, sha256 = _digests(self._part)
        problem = ""
        if record is None or record.size not in (None, size):
            problem = f"expected {record.size if record else 'no'} bytes, got {size}"
        elif md5 is not None and found_md5 != md5:
            problem = f"expected the MD5 {md5}, got {found_md5}"
        if record is None or problem:
            self._part.unlink()
            raise DownloadError(
                f"{self._file.url}: {problem}. What came was removed. Fetch again; if that does not help, the "
                "publisher has replaced the file that the dataset's profile speaks of."
            )
        with self._part.open("rb") as part:
            os.fsync(part.fileno())
        self._records.put(self._file.name, record.model_copy(update={"size": size, "md5": found_md5, "sha256": sha256}))
        os.replace(self._part, self._target)
        if md5 is not None:
            return self._fetched("MD5 as published", is_new=True)
        return self._fetched("size unpublished" if record.size is None else "size as published", is_new=True)


def _digests(path: Path) -> tuple[str, str]:
    """MD5 and SHA-256 of a file."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
    return md5.hexdigest(), sha256.hexdigest()


def _validator_of(response: httpx.Response) -> str | None:
    """What If-Range may carry later: a strong ETag, or else the date of the last change (section 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _length_of(response: httpx.Response) -> int | None:
    """Bytes of the body as it is sent, where the server tells."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _continues(response: httpx.Response, start: int, size: int | None, validator: str | None) -> bool:
    """Whether a partial answer (section 14.4) is the rest, from `start`, of the file of that size and validator."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != start:
        return False
    same_size = match[2] == "*" or size in (None, int(match[2]))
    return same_size and _validator_of(response) in (None, validator)
