"""A small chat-completions server on the loopback, for the error paths that a real one cannot be asked to show."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Behaviour = Callable[[int, dict], tuple[int, str]]
"""From the request's number (0, 1, ...) and body to a status and a reply; status 0 drops the connection."""


def reply(content: str, finish_reason: str = "stop") -> str:
    """A chat completion's JSON."""
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}})


def first_token_reply(probabilities: dict[str, float]) -> str:
    """A chat completion of one token, cut off there, with the likeliest tokens and their probabilities."""
    likeliest = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in probabilities.items()]
    content = [{**likeliest[0], "top_logprobs": likeliest}] if likeliest else []
    message = {"role": "assistant", "content": next(iter(probabilities), "")}
    choice = {"message": message, "finish_reason": "length", "logprobs": {"content": content}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 99, "completion_tokens": 1}})


@dataclass
class ChatServer:
    """What was asked of the server, and where it is."""

    base_url: str = ""
    api_key: str | None = None
    model: str = "fake"
    bodies: list[dict] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    restarts: int = 0

    @property
    def base_urls(self) -> tuple[str, ...]:
        return (self.base_url,)

    def handle(self) -> ChatServer:
        return self

    def restart(self) -> ChatServer:
        self.restarts += 1
        return self

    def run_batch(self, requests: Path, replies: Path) -> None:
        raise AssertionError("asked for a run without a server")


@dataclass
class BatchCommand(ChatServer):
    """Answers files of requests as `vllm run-batch` does, by a behaviour; status 0 leaves a request out."""

    behave: Behaviour = lambda number, body: (200, reply("{}"))
    runs: list[int] = field(default_factory=list)

    def handle(self) -> ChatServer:
        raise AssertionError("asked for a server")

    def run_batch(self, requests: Path, replies: Path) -> None:
        asked = [json.loads(line) for line in requests.read_text().splitlines()]
        self.runs.append(len(asked))
        with replies.open("w", encoding="utf-8") as lines:
            for one in asked:
                status, text = self.behave(len(self.bodies), one["body"])
                self.bodies.append(one["body"])
                if status != 0:
                    lines.write(batch_line(one["custom_id"], status, text) + "\n")


def batch_line(key: str, status: int, text: str) -> str:
    """A line of replies: an answer's body, or an error beside a status."""
    if status == 200:
        return json.dumps({"custom_id": key, "response": {"body": json.loads(text)}, "error": None}, ensure_ascii=False)
    return json.dumps({"custom_id": key, "response": {"status_code": status}, "error": {"error": {"message": text}}})


@contextmanager
def chat_server(behave: Behaviour, headers: dict[str, str] | None = None) -> Iterator[ChatServer]:
    """Serve `behave` until the block ends; `headers` go with every reply. Status -1 sends the text without HTTP."""
    state = ChatServer()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(state.bodies)
                state.bodies.append(body)
                state.headers.append(dict(self.headers))
            status, text = behave(number, body)
            if status == 0:
                self.close_connection = True
                self.connection.close()
                return
            data = text.encode()
            if status < 0:
                self.close_connection = True
                self.wfile.write(data)
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 256  # 64 clients connect at once

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that gave up is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    state.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
