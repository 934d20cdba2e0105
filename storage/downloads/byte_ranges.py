"""What a server says of a file in its answer, and whether an answer goes on from bytes that are there (RFC 9110)."""

from __future__ import annotations

import re

import httpx

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def validator_of(response: httpx.Response) -> str | None:
    """What If-Range may carry later: a strong ETag, or else the date of the last change (section 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def length_of(response: httpx.Response) -> int | None:
    """Bytes of the body as it is sent, where the server tells."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def goes_on(response: httpx.Response, start: int, size: int | None, validator: str | None) -> bool:
    """Whether a partial answer (section 14.4) is the rest, from `start`, of the file of that size and validator."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start:
        return False
    same_size = found[2] == "*" or size in (None, int(found[2]))
    return same_size and validator_of(response) in (None, validator)
