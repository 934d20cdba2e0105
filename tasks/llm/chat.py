"""Chat requests to one server by the `openai` client over aiohttp, each sent once.

What the client raises is turned into the failures of tasks/llm/replies.py; when a request is sent again is decided in
tasks/llm/retries.py alone. Nothing is taken from the environment: no proxy, key, organisation or address.
Client: https://github.com/openai/openai-python
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, DefaultAioHttpClient, Omit
from pydantic import JsonValue

from storage.completions import Completion
from storage.errors import ServerError
from tasks.llm.questions import Server
from tasks.llm.replies import BusyError, RefusedError, TransientError, UnreachableError, read_completion

_SERVER_FAULTS = {
    401: "refuses the API key",
    403: "refuses the API key",
    404: "does not serve this model or address",
}
_REPEATABLE = {408, 409, 425}
_BUSY = {429, 503}
_LONGEST_RETRY_AFTER = 120.0


class Chat:
    """Connections to each address of one server.

    Parameters
    ----------
    server
        Where requests go.
    timeout_seconds
        Longest wait for one answer.
    """

    def __init__(self, server: Server, timeout_seconds: float) -> None:
        self.server, self._timeout_seconds = server, timeout_seconds
        trusted = ssl.create_default_context()
        self._clients = [
            AsyncOpenAI(
                base_url=base_url,
                api_key=server.api_key or "none",  # None would be looked up in the environment
                max_retries=0,
                timeout=None,
                http_client=DefaultAioHttpClient(trust_env=False, follow_redirects=False, verify=trusted),
            )
            for base_url in server.base_urls
        ]
        self._headers: dict[str, str | Omit] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        if not server.api_key:
            self._headers["Authorization"] = Omit()

    async def complete(self, body: dict[str, JsonValue], turn: int) -> Completion:
        """The answer to a request body (all but `model`); of equal servers that of the one whose turn it is.

        Raises
        ------
        TransientError, BusyError, UnreachableError
            Where the request may be sent again.
        RefusedError
            Where it may not.
        ServerError
            Where no request to this server can succeed.
        """
        client = self._clients[turn % len(self._clients)]
        chat = client.chat.completions.with_raw_response
        try:
            async with asyncio.timeout(self._timeout_seconds):
                # The body goes as it is, messages and vLLM's own parameters too, so that its cache key stays true.
                reply = await chat.create(
                    model=self.server.model, messages=[], extra_body=body, extra_headers=self._headers
                )
        except TimeoutError as error:
            raise TransientError(f"no answer within {self._timeout_seconds:g} s") from error
        except APIStatusError as error:
            raise self._failure(error, client) from error
        except (APIConnectionError, aiohttp.ClientError) as error:
            raise _connection_failure(error) from error
        try:
            return read_completion(reply.http_response.content)
        except ValueError as error:
            raise TransientError("the server's reply is not a chat completion") from error

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()

    def _failure(self, error: APIStatusError, client: AsyncOpenAI) -> Exception:
        status, excerpt = error.status_code, " ".join(error.response.text[:300].split()) or "no explanation"
        if status in _BUSY:
            return BusyError(f"server busy ({status})", _retry_after(error.response.headers.get("Retry-After", "")))
        if status in _REPEATABLE or status >= 500:
            return TransientError(f"server error {status}")
        if status in _SERVER_FAULTS:
            return ServerError(
                f"the language-model server at {client.base_url} {_SERVER_FAULTS[status]} ({status}, model "
                f"{self.server.model!r}): {excerpt}. Check the profile's address, key and served name."
            )
        return RefusedError(f"refused with {status}: {excerpt}")


def _connection_failure(error: BaseException) -> TransientError:
    cause: BaseException = error  # aiohttp's own error, which lies beneath those of the layers above it
    while not isinstance(cause, aiohttp.ClientError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError):
        return UnreachableError("connection refused")
    return TransientError(f"connection failed ({type(cause).__name__})")


def _retry_after(header: str) -> float:
    """Seconds of the header Retry-After, which holds seconds or a date (RFC 9110, section 10.2.3)."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)
