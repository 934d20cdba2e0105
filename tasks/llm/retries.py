"""The one owner of retries: a request is sent until it is answered or refused, if need be to a restarted server.

Errors that pass (timeout, lost connection, 5xx) are followed by growing, jittered pauses. A server that asks for fewer
requests (429, 503) gets fewer (tasks/llm/in_flight.py), and what it turned away waits as long as it asks. A server on
which nothing succeeds any more is restarted, a few times.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field

from pydantic import JsonValue
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from storage.completions import Completion
from storage.errors import ServerLostError
from tasks.llm.chat import Chat
from tasks.llm.in_flight import InFlight
from tasks.llm.questions import Server, ServerSource, Tally
from tasks.llm.replies import BusyError, RefusedError, TransientError, UnreachableError
from tasks.llm.settings import ClientSettings


class RetryingChat:
    """A chat with a server and with those that replace it.

    Parameters
    ----------
    server, source
        The healthy server, and where another one is had from.
    settings
        Concurrency, timeout, pauses and restarts.
    tally
        Its requests and restarts are counted here.
    """

    def __init__(self, server: Server, source: ServerSource, settings: ClientSettings, tally: Tally) -> None:
        self._source, self._settings, self._tally = source, settings, tally
        self._chats = [Chat(server, settings.timeout_seconds)]
        self._in_flight = InFlight(settings.concurrency * len(server.base_urls))
        self._turns = itertools.count()
        self._recovery = asyncio.Lock()
        self._last_answer = time.monotonic()

    @property
    def model(self) -> str:
        """Name of the served model."""
        return self._chats[-1].server.model

    @property
    def most_in_flight(self) -> int:
        """Bound of the requests that are in flight at once."""
        return self._in_flight.most

    async def aclose(self) -> None:
        """Close all connections."""
        for chat in self._chats:
            await chat.aclose()

    async def complete(self, body: dict[str, JsonValue]) -> Completion:
        """The answer to a request body, all but `model`.

        Raises
        ------
        RefusedError
            Where this request is refused, or fails again and again while others are answered.
        ServerLostError
            Where the server is lost more often than the settings allow.
        ServerError
            Where no request to the server can succeed, or none can be started again.
        """
        while True:
            chat, sends = self._chats[-1], _Sends(self._settings, next(self._turns))
            try:
                return await self._send_until_answered(chat, body, sends)
            except TransientError as error:
                if self._chats[-1] is not chat:  # replaced meanwhile: ask the new one
                    continue
                # Answers that came before the second send say nothing: the server may have died after them.
                others_are_answered = self._last_answer > sends.times[:2][-1]
                if others_are_answered and not isinstance(error, BusyError):  # the fault is with this request
                    raise RefusedError(str(error)) from error
                await self._recover(chat, str(error))

    async def _send_until_answered(self, chat: Chat, body: dict[str, JsonValue], sends: _Sends) -> Completion:
        """Send to one server while it may help."""

        async def send() -> Completion:
            sends.times.append(time.monotonic())
            return await self._send(chat, body, sends.turn + len(sends.times))

        return await AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            wait=sends.pause,
            stop=lambda state: sends.exhausted(state, self._last_answer),
            reraise=True,
        )(send)

    async def _send(self, chat: Chat, body: dict[str, JsonValue], turn: int) -> Completion:
        """Send once, in a place of the window."""
        async with self._in_flight.slot() as entered:
            self._tally.requests += 1
            try:
                completion = await chat.complete(body, turn)
            except UnreachableError:
                self._tally.requests -= 1
                raise
            except BusyError:
                self._in_flight.narrow(entered)
                raise
            self._in_flight.widen()
        self._last_answer = time.monotonic()
        return completion

    async def _recover(self, lost: Chat, why: str) -> None:
        """Replace a lost server once, however many requests noticed."""
        async with self._recovery:
            if self._chats[-1] is not lost:
                return
            if self._tally.restarts >= self._settings.restarts:
                raise ServerLostError(
                    f"the language-model server at {', '.join(lost.server.base_urls)} stopped answering ({why}) and "
                    f"{self._tally.restarts} restarts did not help. Look into its log and run again: answers so far "
                    "are kept."
                )
            self._tally.restarts += 1
            server = await asyncio.to_thread(self._source.restart)
            self._chats.append(Chat(server, self._settings.timeout_seconds))
            self._last_answer = time.monotonic()


@dataclass
class _Sends:
    """The sends of one request to one server: when they were, how many failed, and whether one more may help."""

    settings: ClientSettings
    turn: int
    times: list[float] = field(default_factory=list)
    failures: int = 0

    def pause(self, state: RetryCallState) -> float:
        """Seconds before the next send: growing, and at least as long as the server asks."""
        growing = wait_exponential_jitter(
            multiplier=self.settings.first_pause_seconds,
            max=self.settings.longest_pause_seconds,
            jitter=self.settings.first_pause_seconds,
        )
        error = _error_of(state)
        return max(growing(state), error.retry_after if isinstance(error, BusyError) else 0.0)

    def exhausted(self, state: RetryCallState, last_answer: float) -> bool:
        """Whether to give up: after too many failures, or where a busy server answers nobody for too long."""
        if isinstance(_error_of(state), BusyError):
            return time.monotonic() - max(self.times[0], last_answer) > self.settings.busy_seconds
        self.failures += 1
        return self.failures >= self.settings.attempts


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
