"""One chat request: what is sent, what is left out, and the failure that each reply stands for."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import JsonValue

from storage.completions import Completion
from storage.errors import ServerError
from tasks.llm.chat import Chat
from tasks.llm.replies import BusyError, RefusedError, TransientError, UnreachableError
from tests.support.chat_server import ChatServer, chat_server, reply

BODY: dict[str, JsonValue] = {
    "messages": [{"role": "user", "content": "Why?\u2028 \U0001f3ac"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "keywords", "schema": {"type": "object"}}},
    "temperature": 0.0,
    "seed": 7,
    "max_tokens": 64,
    "stop": ["\n\n"],
    "top_k": 5,
    "repetition_penalty": 1.1,
    "chat_template_kwargs": {"enable_thinking": False},
}


def complete(server: ChatServer, timeout_seconds: float = 5.0) -> Completion:
    async def run() -> Completion:
        async with aclosing(Chat(server, timeout_seconds)) as chat:
            return await chat.complete(BODY, 0)

    return asyncio.run(run())


def test_a_request_is_its_body_and_the_model_and_nothing_else() -> None:
    with chat_server(lambda number, body: (200, reply("{}"))) as server:
        completion = complete(server)
    assert server.bodies == [{"model": "fake", **BODY}]
    assert completion == Completion("{}", 10, 5, "stop")


def test_nothing_of_the_environment_goes_to_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-another-server")
    monkeypatch.setenv("OPENAI_ORG_ID", "organisation")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with chat_server(lambda number, body: (200, reply("{}"))) as server:
        complete(server)
        server.api_key = "key"
        complete(server)
    anonymous, authorised = ({name.lower(): value for name, value in sent.items()} for sent in server.headers)
    assert "authorization" not in anonymous
    assert authorised["authorization"] == "Bearer key"
    assert not {"openai-organization", "openai-project"} & {*anonymous, *authorised}


@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_key_is_in_no_log_and_no_message(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        chat_server(lambda number, body: (status, reply("{}"))) as server,
    ):
        server.api_key = "very-secret"
        try:
            complete(server)
        except (ServerError, TransientError) as error:
            assert "very-secret" not in str(error)
    assert "very-secret" not in caplog.text


def test_a_server_that_is_not_there_is_told_from_one_that_drops_the_connection() -> None:
    with chat_server(lambda number, body: (0, "")) as server, pytest.raises(TransientError) as dropped:
        complete(server)
    assert not isinstance(dropped.value, UnreachableError)
    assert str(dropped.value) == "connection failed (ServerDisconnectedError)"
    with pytest.raises(UnreachableError, match="connection refused"):
        complete(server)


@pytest.mark.parametrize(
    ("status", "text"), [(-1, "this is no HTTP\r\n\r\n"), (200, "<html>a proxy</html>"), (200, '{"choices": []}')]
)
def test_a_reply_without_a_completion_may_come_right(status: int, text: str) -> None:
    with chat_server(lambda number, body: (status, text)) as server, pytest.raises(TransientError):
        complete(server)
    assert len(server.bodies) == 1, "the client itself sends nothing again"


@pytest.mark.parametrize("status", [302, 400, 413, 422])
def test_what_the_server_refuses_is_told_with_its_explanation(status: int) -> None:
    with (
        chat_server(lambda number, body: (status, "too  long"), {"Location": "/elsewhere"}) as server,
        pytest.raises(RefusedError, match=f"refused with {status}: too long"),
    ):
        complete(server)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("in a minute", 1, 60),
        ("100000", 120, 120),
        ("-3", 0, 0),
        ("soon", 0, 0),
    ],
)
def test_a_busy_server_says_how_long_to_wait(header: str, least: float, most: float) -> None:
    if header == "in a minute":
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    with (
        chat_server(lambda number, body: (429, "slow down"), {"Retry-After": header}) as server,
        pytest.raises(BusyError) as busy,
    ):
        complete(server)
    assert least <= busy.value.retry_after <= most
