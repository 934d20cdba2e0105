"""Asks a language-model server many questions at once, over the OpenAI protocol, and loses no answer.

Each answer goes into the completion cache the moment it arrives; what the cache holds is never asked for. Errors have
one owner each: a request that may succeed later (timeout, lost connection, 5xx) is sent again with growing, jittered
pauses; a server that asks for fewer requests (429, 503) gets fewer (tasks/llm/in_flight.py), and what it turned away
waits;
a server on which nothing succeeds any more is restarted, a few times; a request that the server refuses is recorded; an
unusable answer is asked for once more in the question's second form, then recorded.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from storage.completions import Completion, CompletionStore
from storage.errors import ServerError, ServerLostError
from tasks.llm.in_flight import InFlight
from tasks.llm.questions import Outcome, Question, Tally
from tasks.llm.request import BusyError, ChatRequest, RefusedError, Server, TransientError, UnreachableError

_KEPT_SECONDS = 5.0  # of a connection without a request; servers close them after as long


class ServerSource(Protocol):
    """Where a server is had from. Both calls may take minutes and raise ServerError."""

    def handle(self) -> Server:
        """The healthy server; started on the first call where there is none."""
        ...

    def restart(self) -> Server:
        """A healthy server after the one before was lost."""
        ...


class ClientSettings(BaseModel):
    """How a server is asked. None of it changes an answer, so none of it is in a cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int = Field(default=64, ge=1, description="Most requests in flight at each address of the server")
    timeout_seconds: float = Field(default=300.0, gt=0, description="Longest wait for one answer")
    attempts: int = Field(default=5, ge=1, description="Sends of one request before its error counts")
    first_pause_seconds: float = Field(
        default=0.5, ge=0, description="Pause before the second send; doubles from there"
    )
    longest_pause_seconds: float = Field(default=20.0, ge=0, description="Longest pause between sends")
    busy_seconds: float = Field(
        default=600.0, ge=0, description="How long a server may say that it is busy and answer nothing"
    )
    restarts: int = Field(default=3, ge=0, description="Restarts of a lost server before a shard gives up")
    shard_prompts: int = Field(
        default=2000, ge=1, description="Prompts of one task in Prefect: what a retry looks through again"
    )
    offline: bool = Field(
        default=False, description="Answer a shard by one run of `vllm run-batch` instead of asking a server"
    )


class BatchClient:
    """Answers a batch of questions from the cache and, for what that lacks, from a server.

    Parameters
    ----------
    store
        The completion cache.
    source
        Asked for a server only if the cache lacks something.
    settings
        Concurrency, timeout, retries.
    on_progress
        Called with the tally after every outcome.
    """

    def __init__(
        self,
        store: CompletionStore,
        source: ServerSource,
        settings: ClientSettings,
        on_progress: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self._store, self._source, self._settings, self._on_progress = store, source, settings, on_progress
        self._recovery = asyncio.Lock()
        self._server: Server | None = None
        self._last_success = 0.0
        self._turns = itertools.count()
        self._in_flight = InFlight(settings.concurrency)
        self.tally = Tally(0)

    def answer_all(self, questions: Sequence[Question]) -> list[Outcome]:
        """`answer` in an event loop of its own."""
        return asyncio.run(self.answer(questions))

    async def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """Outcomes in the order of the questions.

        Raises
        ------
        ServerError
            Where no server can be had, or it cannot be used. Answers so far are stored.
        ServerLostError
            Where it is lost more often than the settings allow.
        DataError
            Where the completion cache cannot be read or written.
        """
        self.tally = Tally(len(questions))
        outcomes = from_cache(self._store, questions, self.tally)
        pending = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if pending:
            self._server = await asyncio.to_thread(self._source.handle)
            self._in_flight = InFlight(self._settings.concurrency * len(self._server.base_urls))
            self.tally.start()
            self._last_success = time.monotonic()
            await self._ask_all(questions, outcomes, pending)
        return [outcome for outcome in outcomes if outcome is not None]

    async def _ask_all(self, questions: Sequence[Question], outcomes: list[Outcome | None], indexes: list[int]) -> None:
        """Work through `indexes` with a bounded number of workers; outcomes are filled in place."""
        queue = iter(indexes)

        async def work(http: aiohttp.ClientSession) -> None:
            for index in queue:
                outcomes[index] = outcome = await self._ask(http, questions[index])
                self.tally.asked += 1
                self.tally.count(outcome)
                self._on_progress(self.tally)

        try:
            async with self._connections() as http, asyncio.TaskGroup() as group:
                for _ in range(min(self._in_flight.most, len(indexes))):
                    group.create_task(work(http))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__

    def _connections(self) -> aiohttp.ClientSession:
        """As many as there are workers; proxies and cookies play no part."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
        )

    async def _ask(self, http: aiohttp.ClientSession, question: Question) -> Outcome:
        """Ask the first form and, where its answer cannot be used, the second."""
        known = self._store.get_many(question.keys)
        requests, outcome = 0, Outcome(None, "no form of the question")
        for key, body in zip(question.keys, question.bodies, strict=True):
            completion = known.get(key)
            if completion is None:
                try:
                    completion = await self._complete(http, body)
                except RefusedError as error:
                    return Outcome(None, str(error), requests + 1)
                requests += 1
                model = self._server.model if self._server is not None else ""
                self._store.put(key, completion, model=model, prompt=question.keys[0])
                self.tally.prompt_tokens += completion.prompt_tokens
                self.tally.output_tokens += completion.output_tokens
            outcome = question.judge(completion, requests)
            if outcome.completion is not None:
                break
        return outcome

    async def _complete(self, http: aiohttp.ClientSession, body: dict[str, JsonValue]) -> Completion:
        """One answer, whatever it takes: sends, pauses, restarts."""
        while True:
            server, sent = self._server, list[float]()
            if server is None:
                raise ServerError("no language-model server to ask. This is a fault in the program: please report it.")
            try:
                return await self._send_until_answered(http, server, body, sent)
            except TransientError as error:
                if self._server is not server:  # replaced meanwhile: ask the new one
                    continue
                # Answers that came before the second send say nothing: the server may have died after them.
                others_are_answered = self._last_success > sent[:2][-1]
                if others_are_answered and not isinstance(error, BusyError):  # the fault is with this request
                    raise RefusedError(str(error)) from error
                await self._recover(server, str(error))

    async def _send_until_answered(
        self, http: aiohttp.ClientSession, server: Server, body: dict[str, JsonValue], sent: list[float]
    ) -> Completion:
        """Send again while it may help; the times of the sends are added to `sent`."""
        settings = self._settings
        growing = wait_exponential_jitter(
            multiplier=settings.first_pause_seconds,
            max=settings.longest_pause_seconds,
            jitter=settings.first_pause_seconds,
        )
        failures = itertools.count(1)

        def pause(state: RetryCallState) -> float:
            error = _error_of(state)
            return max(growing(state), error.retry_after if isinstance(error, BusyError) else 0.0)

        def exhausted(state: RetryCallState) -> bool:
            if isinstance(_error_of(state), BusyError):
                return time.monotonic() - max(sent[0], self._last_success) > settings.busy_seconds
            return next(failures) >= settings.attempts

        turn = itertools.count(next(self._turns))  # of equal servers the next one, for a repeated send too

        async def send() -> Completion:
            base_url = server.base_urls[next(turn) % len(server.base_urls)]
            sent.append(time.monotonic())
            return await self._send(http, ChatRequest(server, base_url, body))

        retry = retry_if_exception_type(TransientError)
        return await AsyncRetrying(retry=retry, wait=pause, stop=exhausted, reraise=True)(send)

    async def _send(self, http: aiohttp.ClientSession, request: ChatRequest) -> Completion:
        """Send once, in a place of the window."""
        async with self._in_flight.slot() as taken:
            self.tally.requests += 1
            try:
                completion = await request.send(http)
            except UnreachableError:
                self.tally.requests -= 1
                raise
            except BusyError:
                self._in_flight.too_many(taken)
                raise
            self._in_flight.answered()
        self._last_success = time.monotonic()
        return completion

    async def _recover(self, lost: Server, why: str) -> None:
        """Replace a lost server once, however many requests noticed."""
        async with self._recovery:
            if self._server is not lost:
                return
            if self.tally.restarts >= self._settings.restarts:
                raise ServerLostError(
                    f"the language-model server at {', '.join(lost.base_urls)} stopped answering ({why}) and "
                    f"{self.tally.restarts} restarts did not help. Look into its log and run again: answers so far "
                    "are kept."
                )
            self.tally.restarts += 1
            self._server = await asyncio.to_thread(self._source.restart)
            self._last_success = time.monotonic()


def from_cache(store: CompletionStore, questions: Sequence[Question], tally: Tally) -> list[Outcome | None]:
    """Outcomes that the completion cache settles; None where a form has still to be asked."""
    stored = store.get_many([key for question in questions for key in question.keys])
    outcomes: list[Outcome | None] = []
    for question in questions:
        outcome: Outcome | None = None
        for key in question.keys:
            if key not in stored:
                outcome = None
                break
            outcome = question.judge(stored[key])
            if outcome.completion is not None:
                break
        outcomes.append(outcome)
        if outcome is not None:
            tally.cached += 1
            tally.count(outcome)
    return outcomes


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
