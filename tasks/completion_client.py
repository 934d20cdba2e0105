"""Asks a language-model server many questions at once, over the OpenAI protocol, and loses no answer.

Each answer goes into the completion cache the moment it arrives; what the cache holds is never asked for. Errors have
one owner each: a request that may succeed later (timeout, lost connection, 429, 5xx) is sent again with growing,
jittered pauses; a server on which nothing succeeds any more is restarted, a few times; a request that the server
refuses is recorded; an unusable answer is asked for once more in the question's second form, then recorded.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from storage.completions import Completion, CompletionStore
from storage.errors import ServerError

_ABOUT_THE_SERVER = {
    401: "refuses the API key",
    403: "refuses the API key",
    404: "does not serve this model or address",
}
_REPEATABLE = {408, 409, 425, 429}


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

    concurrency: int = Field(default=64, ge=1, description="Requests in flight")
    timeout_seconds: float = Field(default=300.0, gt=0, description="Longest wait for one answer")
    attempts: int = Field(default=5, ge=1, description="Sends of one request before its error counts")
    first_pause_seconds: float = Field(
        default=0.5, ge=0, description="Pause before the second send; doubles from there"
    )
    longest_pause_seconds: float = Field(default=20.0, ge=0, description="Longest pause between sends")
    restarts: int = Field(default=3, ge=0, description="Restarts of a lost server before the run gives up")


@dataclass(frozen=True)
class Question:
    """A prompt to ask.

    Parameters
    ----------
    keys, bodies
        Completion key and request body (all but `model`) of the first form, then of the form for the case that its
        answer cannot be used.
    accept
        Raises ValueError with the reason where an answer cannot be used.
    prefix
        Name shared by questions that begin alike; one of each goes ahead so that the others find a warm prefix cache.
    """

    keys: tuple[str, ...]
    bodies: tuple[dict[str, JsonValue], ...]
    accept: Callable[[str], object]
    prefix: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a question: a usable completion, or the reason why there is none."""

    completion: Completion | None
    reason: str | None = None
    requests: int = 0


@dataclass
class Tally:
    """Counts of a running batch, for progress and summary.

    Parameters
    ----------
    cached, asked
        Questions whose outcome came from the cache, and from the server.
    failed
        Those of both without a usable answer.
    """

    total: int
    cached: int = 0
    asked: int = 0
    failed: int = 0
    requests: int = 0
    restarts: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Questions with an outcome."""
        return self.cached + self.asked

    @property
    def seconds(self) -> float:
        """Time since the server was there."""
        return max(time.monotonic() - self.started, 1e-9)

    def count(self, outcome: Outcome) -> None:
        """Count a failure, where the outcome is one."""
        if outcome.reason is not None:
            self.failed += 1
            self.reasons[outcome.reason] = self.reasons.get(outcome.reason, 0) + 1


class _TransientError(Exception):
    """A request failed in a way that may pass."""


class _RefusedError(Exception):
    """The server refuses this request for good."""


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
        self.tally = Tally(0)

    async def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """Outcomes in the order of the questions.

        Raises
        ------
        ServerError
            Where no server can be had, or it is lost more often than the settings allow. Answers so far are stored.
        DataError
            Where the completion cache cannot be read or written.
        """
        self.tally = Tally(len(questions))
        outcomes = self._from_cache(questions)
        pending = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if pending:
            self._server = await asyncio.to_thread(self._source.handle)
            self.tally.started = self._last_success = time.monotonic()
            first = list({questions[index].prefix: index for index in reversed(pending)}.values())
            await self._ask_all(questions, outcomes, first)
            await self._ask_all(questions, outcomes, [index for index in pending if outcomes[index] is None])
        return [outcome for outcome in outcomes if outcome is not None]

    def _from_cache(self, questions: Sequence[Question]) -> list[Outcome | None]:
        stored = self._store.get_many([key for question in questions for key in question.keys])
        outcomes: list[Outcome | None] = []
        for question in questions:
            outcome: Outcome | None = None
            for key in question.keys:
                if key not in stored:
                    outcome = None
                    break
                outcome = _judge(question, stored[key], requests=0)
                if outcome.completion is not None:
                    break
            outcomes.append(outcome)
            if outcome is not None:
                self.tally.cached += 1
                self.tally.count(outcome)
        return outcomes

    async def _ask_all(self, questions: Sequence[Question], outcomes: list[Outcome | None], indexes: list[int]) -> None:
        """Work through `indexes` with a bounded number of workers; outcomes are filled in place.

        Each worker has a connection of its own: a shared pool looks through all of them at every request.
        """
        queue, certificates = iter(indexes), httpx.create_ssl_context(trust_env=False)

        async def work() -> None:
            async with httpx.AsyncClient(
                timeout=self._settings.timeout_seconds, verify=certificates, trust_env=False
            ) as http:
                for index in queue:
                    outcomes[index] = outcome = await self._ask(http, questions[index])
                    self.tally.asked += 1
                    self.tally.count(outcome)
                    self._on_progress(self.tally)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._settings.concurrency, len(indexes))):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__

    async def _ask(self, http: httpx.AsyncClient, question: Question) -> Outcome:
        """Ask the first form and, where its answer cannot be used, the second."""
        known = self._store.get_many(question.keys)
        requests, outcome = 0, Outcome(None, "no form of the question")
        for key, body in zip(question.keys, question.bodies, strict=True):
            completion = known.get(key)
            if completion is None:
                try:
                    completion = await self._complete(http, body)
                except _RefusedError as error:
                    return Outcome(None, str(error), requests + 1)
                requests += 1
                model = self._server.model if self._server is not None else ""
                self._store.put(key, completion, model=model, prompt=question.keys[0])
                self.tally.prompt_tokens += completion.prompt_tokens
                self.tally.output_tokens += completion.output_tokens
            outcome = _judge(question, completion, requests)
            if outcome.completion is not None:
                break
        return outcome

    async def _complete(self, http: httpx.AsyncClient, body: dict[str, JsonValue]) -> Completion:
        """One answer, whatever it takes: sends, pauses, restarts."""
        while True:
            server, began = self._server, time.monotonic()
            if server is None:
                raise ServerError("no language-model server to ask. This is a fault in the program: please report it.")
            try:
                return await self._send_until_answered(http, server, body)
            except _TransientError as error:
                if self._last_success > began:  # others are answered: the fault is with this request
                    raise _RefusedError(str(error)) from error
                await self._recover(server, str(error))

    async def _send_until_answered(
        self, http: httpx.AsyncClient, server: Server, body: dict[str, JsonValue]
    ) -> Completion:
        settings = self._settings
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_TransientError),
            wait=wait_exponential_jitter(
                multiplier=settings.first_pause_seconds,
                max=settings.longest_pause_seconds,
                jitter=settings.first_pause_seconds,
            ),
            stop=stop_after_attempt(settings.attempts),
            reraise=True,
        )
        turn = itertools.count(next(self._turns))  # of equal servers the next one, for a repeated send too

        async def send() -> Completion:
            return await self._send(http, server, server.base_urls[next(turn) % len(server.base_urls)], body)

        return await retrying(send)

    async def _send(
        self, http: httpx.AsyncClient, server: Server, base_url: str, body: dict[str, JsonValue]
    ) -> Completion:
        headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
        self.tally.requests += 1
        try:
            response = await http.post(
                f"{base_url}/chat/completions", json={"model": server.model, **body}, headers=headers
            )
        except httpx.TimeoutException as error:
            raise _TransientError(f"no answer within {self._settings.timeout_seconds:g} s") from error
        except httpx.TransportError as error:
            raise _TransientError(f"connection failed ({type(error).__name__})") from error
        status = response.status_code
        if status in _REPEATABLE or status >= 500:
            raise _TransientError(f"server error {status}")
        if status in _ABOUT_THE_SERVER:
            raise ServerError(
                f"the language-model server at {base_url} {_ABOUT_THE_SERVER[status]} ({status}, model "
                f"{server.model!r}): {_excerpt(response)}. Check the profile's address, key and served name."
            )
        if status != 200:
            raise _RefusedError(f"refused with {status}: {_excerpt(response)}")
        completion = _read(response)
        self._last_success = time.monotonic()
        return completion

    async def _recover(self, lost: Server, why: str) -> None:
        """Replace a lost server once, however many requests noticed."""
        async with self._recovery:
            if self._server is not lost:
                return
            if self.tally.restarts >= self._settings.restarts:
                raise ServerError(
                    f"the language-model server at {', '.join(lost.base_urls)} stopped answering ({why}) and "
                    f"{self.tally.restarts} restarts did not help. Look into its log and run again: answers so far "
                    "are kept."
                )
            self.tally.restarts += 1
            self._server = await asyncio.to_thread(self._source.restart)
            self._last_success = time.monotonic()


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


def _read(response: httpx.Response) -> Completion:
    try:
        reply = _Reply.model_validate_json(response.content)
    except ValidationError as error:
        raise _TransientError("the server's reply is not a chat completion") from error
    choice = reply.choices[0]
    return Completion(
        response=choice.message.content or "",
        prompt_tokens=reply.usage.prompt_tokens,
        output_tokens=reply.usage.completion_tokens,
        finish_reason=choice.finish_reason or "stop",
    )


def _judge(question: Question, completion: Completion, requests: int) -> Outcome:
    """Whether an answer can be used; an unusable one has a reason and no completion."""
    if completion.finish_reason == "length":
        return Outcome(None, "answer cut off at the token limit", requests)
    try:
        question.accept(completion.response)
    except ValueError as error:
        return Outcome(None, f"unusable answer: {error}", requests)
    return Outcome(completion, None, requests)


def _excerpt(response: httpx.Response) -> str:
    return " ".join(response.text[:300].split()) or "no explanation"


def reasons_text(reasons: dict[str, int], most: int = 3) -> str:
    """The commonest reasons of failure in words."""
    ranked: Iterable[tuple[str, int]] = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(f"{reason} ({count})" for reason, count in list(ranked)[:most])
