"""What can go wrong when a file is fetched, each as one message that names the address and says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from storage.errors import DownloadError

_BROKE_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout)


def unreachable(url: str, error: httpx.RequestError, kept: int, target: Path) -> DownloadError:
    """No connection, or one that broke off; `kept` bytes of the target wait in its .part file."""
    what = "the connection broke off" if isinstance(error, _BROKE_OFF) else "cannot be reached"
    if kept:
        remedy = f"{kept:,} bytes are kept in {target}.part; the same command goes on from there."
    else:
        remedy = f"Check the network connection. {_by_hand(target)}"
    return DownloadError(f"{url}: {what} ({str(error) or type(error).__name__}). {remedy}")


def refused(response: httpx.Response, target: Path) -> DownloadError:
    """The server answered, but not with the file."""
    status, wait = response.status_code, response.headers.get("Retry-After", "")
    if status in (401, 403):
        remedy = "The publisher asks for an account, or for its terms to be accepted."
    elif status in (404, 410):
        remedy = "The publisher has moved or removed the file; its address stands in the dataset's profile."
    elif status == 429 or status >= 500:
        remedy = f"Try again {f'in {wait} seconds' if wait.isdigit() else 'later'}; what has come is kept."
    else:
        remedy = "Its address stands in the dataset's profile."
    answer = f"{status} {response.reason_phrase}".strip()
    return DownloadError(f"{response.url}: the server answered {answer}. {remedy} {_by_hand(target)}")


def web_page(url: str, target: Path) -> DownloadError:
    """The answer is a page for people."""
    return DownloadError(
        f"{url}: the server answered with a web page instead of the file; a login page of the network or of the "
        f"publisher may stand before it. {_by_hand(target)}"
    )


def no_md5(url: str, text: str, target: Path) -> DownloadError:
    """The answer holds no MD5."""
    return DownloadError(f"{url}: expected an MD5 of 32 hexadecimal digits, found {text[:60]!r}. {_by_hand(target)}")


def disk_full(path: Path, detail: str) -> DownloadError:
    """No room, now or foreseeably."""
    return DownloadError(
        f"{path}: the disk is full ({detail}). What has come is kept. Free some space and fetch again, or fetch into "
        "another folder with --to."
    )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system says of the disk into a message.

    Raises
    ------
    DownloadError
        Where the folder's disk is full, or something in it cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder, str(error)) from error
        raise DownloadError(
            f"{folder}: cannot be read or written ({error}). Choose another folder with --to."
        ) from error


def _by_hand(target: Path) -> str:
    return f"The file can also be got with a browser and put at {target}."
