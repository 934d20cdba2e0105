"""One request for a chat completion over the OpenAI protocol, and the kinds of failure that it can meet.

It is sent by aiohttp, whose parser is compiled: at thousands of short requests the sending is what takes the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
from pydantic import BaseModel, Field, JsonValue, ValidationError
from pydantic_core import to_json

from storage.completions import Completion
from storage.errors import ServerError

_ABOUT_THE_SERVER = {
    401: "refuses the API key",
    403: "refuses the API key",
    404: "does not serve this model or address",
}
_REPEATABLE = {408, 409, 425}
_BUSY = {429, 503}
_LONGEST_RETRY_AFTER = 120.0


class Server(Protocol):
    """A healthy server: where it is and what it serves."""

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Addresses with `/v1`; several where equal servers share the work."""
        ...

    @property
    def api_key(self) -> str | None:
        """Bearer token, where the server wants one."""
        ...

    @property
    def model(self) -> str:
        """Name that requests carry."""
        ...


class TransientError(Exception):
    """A request failed in a way that may pass."""


class UnreachableError(TransientError):
    """Nothing listens at the address: the request reached no server."""


class BusyError(TransientError):
    """The server asks for fewer requests at once.

    Parameters
    ----------
    retry_after
        Seconds that it asks to wait; 0 where it does not say.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(Exception):
    """The server refuses this request for good."""


@dataclass(frozen=True)
class ChatRequest:
    """A request body (all but `model`) on its way to one address of a server."""

    server: Server
    base_url: str
    body: dict[str, JsonValue]

    async def send(self, http: aiohttp.ClientSession) -> Completion:
        """The answer.

        Raises
        ------
        TransientError, BusyError, UnreachableError
            Where it may be sent again.
        RefusedError
            Where it may not.
        ServerError
            Where no request to this server can succeed.
        """
        try:
            async with http.post(
                f"{self.base_url}/chat/completions",
                headers=self._headers(),
                data=to_json({"model": self.server.model, **self.body}),
                allow_redirects=False,
            ) as response:
                return self._completion(response, await response.read())
        except TimeoutError as error:
            raise TransientError(f"no answer within {http.timeout.total:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError("connection refused") from error
        except aiohttp.ClientError as error:
            raise TransientError(f"connection failed ({type(error).__name__})") from error

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.server.api_key:
            headers["Authorization"] = f"Bearer {self.server.api_key}"
        return headers

    def _completion(self, response: aiohttp.ClientResponse, content: bytes) -> Completion:
        status = response.status
        if status in _BUSY:
            raise BusyError(f"server busy ({status})", _retry_after(response))
        if status in _REPEATABLE or status >= 500:
            raise TransientError(f"server error {status}")
        if status in _ABOUT_THE_SERVER:
            raise ServerError(
                f"the language-model server at {self.base_url} {_ABOUT_THE_SERVER[status]} ({status}, model "
                f"{self.server.model!r}): {_excerpt(content)}. Check the profile's address, key and served name."
            )
        if status != 200:
            raise RefusedError(f"refused with {status}: {_excerpt(content)}")
        try:
            return read_reply(content)
        except ValueError as error:
            raise TransientError("the server's reply is not a chat completion") from error


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(BaseModel):
    """The parts of an OpenAI chat completion that are used; the rest is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage = _Usage()


def read_reply(reply: bytes | str) -> Completion:
    """The completion of a chat completion's JSON.

    Raises
    ------
    ValueError
        Where it is none.
    """
    try:
        read = _Reply.model_validate_json(reply)
    except ValidationError as error:
        raise ValueError("not a chat completion") from error
    choice = read.choices[0]
    return Completion(
        response=choice.message.content or "",
        prompt_tokens=read.usage.prompt_tokens,
        output_tokens=read.usage.completion_tokens,
        finish_reason=choice.finish_reason or "stop",
    )


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds of the header Retry-After, which holds seconds or a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _excerpt(content: bytes) -> str:
    return " ".join(content[:300].decode("utf-8", "replace").split()) or "no explanation"
