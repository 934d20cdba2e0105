"""Questions to a language model: their sources, their outcomes and the counts of those."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from storage.completions import Completion


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
    first_token
        Whether the answer is what the reply could have begun with (`Completion.first_token`), not its text: then one
        that is cut off is whole.
    """

    keys: tuple[str, ...]
    bodies: tuple[dict[str, JsonValue], ...]
    accept: Callable[[str], object]
    first_token: bool = False

    def judge(self, completion: Completion, requests: int = 0) -> Outcome:
        """Whether an answer can be used; an unusable one has a reason and no completion."""
        if completion.finish_reason == "length" and not self.first_token:
            return Outcome(None, "answer cut off at the token limit", requests)
        try:
            self.accept(completion.first_token if self.first_token else completion.response)
        except ValueError as error:
            return Outcome(None, f"unusable answer: {error}", requests)
        return Outcome(completion, None, requests)


@dataclass(frozen=True)
class Outcome:
    """Result of a question: a usable completion, or the reason why there is none, and the requests that it cost."""

    completion: Completion | None
    reason: str | None = None
    requests: int = 0


@dataclass
class Tally:
    """Counts of a running batch, for progress and summary.

    Parameters
    ----------
    cached, uncached
        Questions whose outcome came from the cache, and from the server.
    failed
        Questions of both kinds without a usable answer.
    requests
        Requests that reached a server.
    seconds
        Time since the server was there.
    """

    total: int
    cached: int = 0
    uncached: int = 0
    failed: int = 0
    requests: int = 0
    restarts: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    started: float | None = None
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Questions with an outcome."""
        return self.cached + self.uncached

    def per_second(self, count: int) -> float:
        """Rate of a count since the server was there."""
        return count / max(self.seconds, 1e-9)

    def start(self) -> None:
        """Let time run from here: the server is there."""
        self.started = time.monotonic()

    def count(self, outcome: Outcome) -> None:
        """Count a failure, where the outcome is one, and the time."""
        if self.started is not None:
            self.seconds = time.monotonic() - self.started
        if outcome.reason is not None:
            self.failed += 1
            self.reasons[outcome.reason] = self.reasons.get(outcome.reason, 0) + 1

    def plus(self, other: Tally, *, finished: bool = True) -> Tally:
        """Both together; of an unfinished batch only what it cost, for its questions come again."""
        costs = {"requests", "restarts", "prompt_tokens", "output_tokens", "seconds"}
        counts = {"cached", "uncached", "failed"} if finished else set()
        merged = {name: getattr(self, name) + getattr(other, name) for name in costs | counts}
        reasons = dict(self.reasons)
        for reason, number in (other.reasons if finished else {}).items():
            reasons[reason] = reasons.get(reason, 0) + number
        return replace(self, **merged, reasons=reasons)


def reasons_text(reasons: dict[str, int], most: int = 3) -> str:
    """The commonest reasons of failure in words."""
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(f"{reason} ({count})" for reason, count in ranked[:most])


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
    """Gives a server. Both calls may take minutes and raise ServerError."""

    def handle(self) -> Server:
        """The healthy server; started on the first call where there is none."""
        ...

    def restart(self) -> Server:
        """A healthy server after the one before was lost."""
        ...


class BatchRunner(Protocol):
    """Turns a file of requests into a file of replies. May take hours and raise ServerError."""

    def run_batch(self, requests: Path, replies: Path) -> None:
        """Answer every line of `requests` with a line of `replies`."""
        ...
