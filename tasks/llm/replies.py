"""Replies to a chat request: a completion, or one of four kinds of failure.

Only those parts of an OpenAI chat completion are read that are used, so that a server may leave out the rest. Format of
the batch command's replies: https://docs.vllm.ai/en/stable/examples/offline_inference/openai_batch/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue, ValidationError

from storage.completions import Completion
from storage.errors import ServerError


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


class _Message(BaseModel):
    content: str | None = None


class _Likelihood(BaseModel):
    token: str
    logprob: float


class _Token(_Likelihood):
    top_logprobs: list[_Likelihood] = []


class _LogProbabilities(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _LogProbabilities | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage = _Usage()


def read_completion(reply: bytes | str) -> Completion:
    """The completion in a reply's JSON.

    Raises
    ------
    ValueError
        Where it holds none.
    """
    try:
        parsed = _Reply.model_validate_json(reply)
    except ValidationError as error:
        raise ValueError("not a chat completion") from error
    choice = parsed.choices[0]
    return Completion(
        response=choice.message.content or "",
        prompt_tokens=parsed.usage.prompt_tokens,
        output_tokens=parsed.usage.completion_tokens,
        finish_reason=choice.finish_reason or "stop",
        first_token=_first_token(choice.logprobs),
    )


def _first_token(given: _LogProbabilities | None) -> str:
    """The pairs that `Completion.first_token` holds; the token that was chosen is among the likeliest, or alone."""
    if given is None or not given.content:
        return ""
    first = given.content[0]
    return json.dumps([[one.token, one.logprob] for one in first.top_logprobs or [first]], ensure_ascii=False)


class _BatchResponse(BaseModel):
    status_code: int = 200
    body: dict[str, JsonValue] | None = None


class _BatchLine(BaseModel):
    custom_id: str
    response: _BatchResponse | None = None
    error: JsonValue = None


def read_batch(path: Path) -> Iterator[tuple[str, Completion | str]]:
    """Key and completion, or the reason why there is none, of each line of the batch command's replies.

    Raises
    ------
    ServerError
        Where a line is not a reply.
    """
    with path.open(encoding="utf-8", newline="\n") as lines:  # an answer may hold other signs that end a line
        for number, text in enumerate(lines, 1):
            try:
                line = _BatchLine.model_validate_json(text)
            except ValidationError as error:
                raise ServerError(
                    f"line {number} of vllm run-batch's replies is not a reply: {text[:100]!r}. Is the installed vLLM "
                    "that of deployments/locks?"
                ) from error
            yield line.custom_id, _completion_or_reason(line)


def _completion_or_reason(line: _BatchLine) -> Completion | str:
    response = line.response
    if response is None or response.status_code != 200 or response.body is None or line.error is not None:
        status = response.status_code if response is not None else 500
        detail = line.error if line.error is not None else response and response.body
        return f"refused with {status}: {' '.join(str(detail).split())[:300]}"
    try:
        return read_completion(json.dumps(response.body))
    except ValueError:
        return "the reply is not a chat completion"
