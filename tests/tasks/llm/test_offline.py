"""Answers by runs of a batch command: what is asked of it, and what becomes of its replies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.completions import CompletionStore
from storage.errors import ServerError, ServerLostError
from tasks.llm.offline import OfflineClient
from tests.support.chat_server import BatchCommand, batch_line, reply
from tests.tasks.llm.test_client import OK, questions


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def client(store: CompletionStore, command: BatchCommand) -> OfflineClient:
    return OfflineClient(store, command, "fake")


def test_answers_come_back_in_the_order_of_the_questions_whatever_that_of_the_replies(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (200, reply(json.dumps(body["n"]))))

    class Reversing(BatchCommand):
        def run_batch(self, requests: Path, replies: Path) -> None:
            command.run_batch(requests, replies)
            replies.write_text("".join(reversed(replies.read_text().splitlines(keepends=True))))

    offline = client(store, Reversing())
    outcomes = offline.answer(questions(5))
    assert [outcome.completion.response for outcome in outcomes if outcome.completion] == list("01234")
    assert command.runs == [5]
    assert {body["model"] for body in command.bodies} == {"fake"}
    assert (offline.tally.asked, offline.tally.requests, offline.tally.output_tokens) == (5, 5, 25)


def test_nothing_is_run_for_what_is_stored(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (200, reply(OK)))
    client(store, command).answer(questions(2))
    offline = client(store, command)
    offline.answer(questions(5))
    assert command.runs == [2, 3]
    assert (offline.tally.cached, offline.tally.asked) == (2, 3)
    client(store, command).answer(questions(5))
    assert command.runs == [2, 3]


def test_unusable_answers_are_asked_in_their_second_form_in_one_more_run(store: CompletionStore) -> None:
    command = BatchCommand(
        behave=lambda number, body: (200, reply(OK if body["form"] == 2 or body["n"] < 3 else "no JSON"))
    )
    outcomes = client(store, command).answer(questions(5))
    assert command.runs == [5, 2]
    assert [body["form"] for body in command.bodies] == [1] * 5 + [2] * 2
    assert all(outcome.completion for outcome in outcomes)


def test_a_refused_request_is_recorded_and_not_asked_in_another_form(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (400, "too long") if body["n"] == 1 else (200, reply(OK)))
    offline = client(store, command)
    outcomes = offline.answer(questions(3))
    assert outcomes[1].reason is not None
    assert outcomes[1].reason.startswith("refused with 400: ")
    assert "too long" in outcomes[1].reason
    assert [outcome.completion is not None for outcome in outcomes] == [True, False, True]
    assert (command.runs, offline.tally.failed) == ([3], 1)


def test_a_reply_of_another_kind_fails_its_question_only(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (200, "{}" if body["n"] == 0 else reply(OK)))
    outcomes = client(store, command).answer(questions(2))
    assert outcomes[0].reason == "the reply is not a chat completion"
    assert outcomes[1].completion is not None


def test_signs_that_end_a_line_elsewhere_stay_in_the_answer(store: CompletionStore) -> None:
    answer = '{"keywords": ["slow\u2028plot\x85"]}'
    command = BatchCommand(behave=lambda number, body: (200, reply(answer)))
    outcomes = client(store, command).answer(questions(1))
    assert outcomes[0].completion is not None
    assert outcomes[0].completion.response == answer


def test_a_request_without_a_reply_loses_no_other_answer(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (0, "") if body["n"] == 1 else (200, reply(OK)))
    with pytest.raises(ServerLostError, match="left 1 requests without a reply"):
        client(store, command).answer(questions(3))
    command.behave = lambda number, body: (200, reply(OK))
    assert all(outcome.completion for outcome in client(store, command).answer(questions(3)))
    assert command.runs == [3, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("<html>", "line 1 of vllm run-batch's replies is not a reply: '<html>"),
        (batch_line("another", 200, reply(OK)), "replied to 'another', which was not asked"),
    ],
)
def test_replies_that_are_none_are_an_error(store: CompletionStore, line: str, message: str) -> None:
    class Odd(BatchCommand):
        def run_batch(self, requests: Path, replies: Path) -> None:
            replies.write_text(line + "\n")

    with pytest.raises(ServerError, match=message):
        client(store, Odd()).answer(questions(1))
