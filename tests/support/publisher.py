"""A publisher's server on the loopback: serves one file, in part too, and misbehaves as told."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT = bytes(number * 7 % 251 for number in range(200_000))
DATE = "Tue, 01 Sep 2026 10:00:00 GMT"


@dataclass
class Publisher:
    """What the server has, how it behaves, and what it was asked."""

    content: bytes = CONTENT
    md5_text: str = ""  # what it answers to *.md5
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    status: int = 200
    ranges: bool = True  # whether it serves parts
    range_status: int = 206
    heeds_if_range: bool = True
    until: int | None = None  # the connection drops at this byte of the file
    held: threading.Event | None = None  # waited for before it drops
    redirects: dict[str, str] = field(default_factory=dict)
    address: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    if_ranges: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/files/ratings.zip"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def asked(self) -> list[str | None]:
        """The Range of every request."""
        return [value for _, _, value in self.requests]


@contextmanager
def serving(publisher: Publisher) -> Iterator[Publisher]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            publisher.requests.append((self.command, self.path, self.headers["Range"]))
            publisher.if_ranges.append(self.headers["If-Range"])
            if self.path in publisher.redirects:
                self.answer(302, b"", {"Location": publisher.redirects[self.path]})
            elif publisher.status != 200:
                self.answer(publisher.status, b"no", publisher.headers)
            elif self.path.endswith(".md5"):
                self.answer(200, publisher.md5_text.encode(), {})
            elif self.headers["Range"] and publisher.ranges and self.is_unchanged():
                self.part(int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")))
            else:
                self.answer(200, publisher.content, publisher.headers)

        def is_unchanged(self) -> bool:
            known = (publisher.headers.get("ETag"), publisher.headers.get("Last-Modified"))
            return not publisher.heeds_if_range or self.headers["If-Range"] in known

        def part(self, start: int) -> None:
            size = len(publisher.content)
            where = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if publisher.range_status == 206 else {}
            self.answer(publisher.range_status, publisher.content[start:], publisher.headers | where, start)

        def answer(self, status: int, body: bytes, headers: dict[str, str], start: int = 0) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if publisher.until is None:
                self.wfile.write(body)
                return
            self.wfile.write(body[: max(0, publisher.until - start)])
            self.wfile.flush()
            if publisher.held is not None:
                publisher.held.wait()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # a client that was killed is no news
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    publisher.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        if publisher.held is not None:
            publisher.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
