"""Answers without a server: `vllm run-batch` reads a file of requests and writes a file of replies.

For machines where no port may be opened, and for one long batch on one model. The engine is loaded once a shard, and
replies are written when all of them are there: a killed run loses its shard, where the server's client loses only what
was in flight. Format of the files: https://docs.vllm.ai/en/stable/examples/offline_inference/openai_batch/
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, JsonValue, ValidationError

from storage.completions import Completion, CompletionStore
from storage.errors import ServerError, ServerLostError
from tasks.llm.client import from_cache
from tasks.llm.questions import Outcome, Question, Tally
from tasks.llm.request import read_reply


class BatchRunner(Protocol):
    """What turns a file of requests into a file of replies. May take hours and raise ServerError."""

    def run_batch(self, requests: Path, replies: Path) -> None:
        """Answer every line of `requests` with a line of `replies`."""
        ...


class OfflineClient:
    """Answers a batch of questions from the cache and, for what that lacks, by runs of a batch command.

    Parameters
    ----------
    store
        The completion cache.
    runner
        Asked only if the cache lacks something.
    model
        Name that requests carry.
    on_progress
        Called with the tally after every run.
    """

    def __init__(
        self,
        store: CompletionStore,
        runner: BatchRunner,
        model: str,
        on_progress: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self._store, self._runner, self._model, self._on_progress = store, runner, model, on_progress
        self.tally = Tally(0)

    def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """Outcomes in the order of the questions: one run for the first forms, one for the second ones needed.

        Raises
        ------
        ServerError
            Where the command cannot be run or its replies cannot be read. Answers of runs that ended are stored.
        ServerLostError
            Where it ends without a reply to every request.
        DataError
            Where the completion cache cannot be read or written.
        """
        self.tally = Tally(len(questions))
        outcomes = from_cache(self._store, questions, self.tally)
        pending = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if pending:
            self.tally.start()
        refused: dict[str, str] = {}
        for form in range(max((len(questions[index].keys) for index in pending), default=0)):
            refused |= self._run([questions[index] for index in pending], form)
            for index in pending:
                outcomes[index] = self._outcome(questions[index], refused)
            pending = [index for index in pending if outcomes[index] is None]
            self._on_progress(self.tally)
        return [outcome for outcome in outcomes if outcome is not None]

    def _run(self, questions: Sequence[Question], form: int) -> dict[str, str]:
        """Answer and store one form of the questions, as far as the cache lacks it; reasons of refusals by key."""
        asked = {one.keys[form]: one for one in questions if len(one.keys) > form}
        stored = self._store.get_many(list(asked))
        missing = {key: question for key, question in asked.items() if key not in stored}
        if not missing:
            return {}
        refused: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="recaudience-batch-") as scratch:
            requests, replies = Path(scratch) / "requests.jsonl", Path(scratch) / "replies.jsonl"
            with requests.open("w", encoding="utf-8") as lines:
                for key, question in missing.items():
                    lines.write(json.dumps(_request(key, {"model": self._model, **question.bodies[form]})) + "\n")
            self._runner.run_batch(requests, replies)
            for key, reply in _replies(replies):
                self.tally.requests += 1
                question = missing.pop(key, None)
                if question is None:
                    raise ServerError(f"vllm run-batch replied to {key!r}, which was not asked. Run again.")
                if isinstance(reply, str):
                    refused[key] = reply
                    continue
                self._store.put(key, reply, model=self._model, prompt=question.keys[0])
                self.tally.prompt_tokens += reply.prompt_tokens
                self.tally.output_tokens += reply.output_tokens
        if missing:
            raise ServerLostError(f"vllm run-batch left {len(missing)} requests without a reply. Run again.")
        return refused

    def _outcome(self, question: Question, refused: dict[str, str]) -> Outcome | None:
        """What has become of a question; None where its next form has to be asked."""
        stored = self._store.get_many(question.keys)
        outcome: Outcome | None = None
        for number, key in enumerate(question.keys, 1):
            if key in refused:
                outcome = Outcome(None, refused[key], number)
                break
            if key not in stored:
                return None
            outcome = question.judge(stored[key], number)
            if outcome.completion is not None:
                break
        if outcome is not None:
            self.tally.asked += 1
            self.tally.count(outcome)
        return outcome


def _request(key: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


class _Response(BaseModel):
    status_code: int = 200
    body: dict[str, JsonValue] | None = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None
    error: JsonValue = None


def _replies(path: Path) -> Iterator[tuple[str, Completion | str]]:
    """Key and completion, or the reason why there is none, of each line.

    Raises
    ------
    ServerError
        Where the file is not one of replies.
    """
    with path.open(encoding="utf-8", newline="\n") as lines:  # an answer may hold other signs that end a line
        for number, text in enumerate(lines, 1):
            try:
                line = _Line.model_validate_json(text)
            except ValidationError as error:
                raise ServerError(
                    f"line {number} of vllm run-batch's replies is not a reply: {text[:100]!r}. Is the installed vLLM "
                    "that of deployments/locks?"
                ) from error
            yield line.custom_id, _completion(line)


def _completion(line: _Line) -> Completion | str:
    response = line.response
    if response is None or response.status_code != 200 or response.body is None or line.error is not None:
        status = response.status_code if response is not None else 500
        detail = line.error if line.error is not None else response and response.body
        return f"refused with {status}: {' '.join(str(detail).split())[:300]}"
    try:
        return read_reply(json.dumps(response.body))
    except ValueError:
        return "the reply is not a chat completion"
