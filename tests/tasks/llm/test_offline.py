"""Answers by runs of a batch command, which a small stand-in plays: its requests, its replies and its process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from storage.completions import CompletionStore
from storage.errors import ServerError, ServerLostError
from tasks.llm import offline
from tasks.llm import server as llm_server
from tasks.llm.offline import BatchFiles, OfflineClient, run_batch
from tests.support.chat_server import BatchCommand, batch_line, reply
from tests.tasks.llm.test_client import OK, questions
from tests.tasks.llm.test_server import brief_waits, make_profile, remote, vllm

__all__ = ["brief_waits", "vllm"]


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

    asking = client(store, Reversing())
    outcomes = asking.answer(questions(5))
    assert [outcome.completion.response for outcome in outcomes if outcome.completion] == list("01234")
    assert command.runs == [5]
    assert {body["model"] for body in command.bodies} == {"fake"}
    assert (asking.tally.uncached, asking.tally.requests, asking.tally.output_tokens) == (5, 5, 25)


def test_nothing_is_run_for_what_is_stored(store: CompletionStore) -> None:
    command = BatchCommand(behave=lambda number, body: (200, reply(OK)))
    client(store, command).answer(questions(2))
    asking = client(store, command)
    asking.answer(questions(5))
    assert command.runs == [2, 3]
    assert (asking.tally.cached, asking.tally.uncached) == (2, 3)
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
    asking = client(store, command)
    outcomes = asking.answer(questions(3))
    assert outcomes[1].reason is not None
    assert outcomes[1].reason.startswith("refused with 400: ")
    assert "too long" in outcomes[1].reason
    assert [outcome.completion is not None for outcome in outcomes] == [True, False, True]
    assert (command.runs, asking.tally.failed) == ([3], 1)


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
        (batch_line("another", 200, reply(OK)), "replied to 'another', which is no request's key"),
    ],
)
def test_replies_that_are_none_are_an_error(store: CompletionStore, line: str, message: str) -> None:
    class Odd(BatchCommand):
        def run_batch(self, requests: Path, replies: Path) -> None:
            replies.write_text(line + "\n")

    with pytest.raises(ServerError, match=message):
        client(store, Odd()).answer(questions(1))


@pytest.fixture(autouse=True)
def brief_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_POLL_SECONDS", 0.02)


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(json.dumps({"custom_id": key}) + "\n" for key in "ab"))
    return BatchFiles(requests, tmp_path / "replies.jsonl")


def test_a_run_leaves_replies_and_no_process(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    lines: list[str] = []
    run_batch(make_profile(), tmp_path / "state", files, lines.append, vllm)
    assert [json.loads(line)["custom_id"] for line in files.replies.read_text().splitlines()] == ["a", "b"]
    assert lines[0].startswith("vllm run-batch fake:")
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["fake.batch.lock", "fake.batch.log"]


def test_the_source_of_a_pipeline_run_runs_batches_without_a_server(
    files: BatchFiles, tmp_path: Path, vllm: Path
) -> None:
    with llm_server.on_demand(make_profile(), tmp_path / "state", executable=vllm) as source:
        source.run_batch(files.requests, files.replies)
        assert source.started is None
    assert files.replies.is_file()


@pytest.mark.parametrize("fake", ["dies", "silent"])
def test_a_run_without_replies_is_an_error_with_the_end_of_its_log(
    files: BatchFiles, tmp_path: Path, vllm: Path, fake: str
) -> None:
    with pytest.raises(ServerLostError, match=r"(?s)wrote no replies.*fake\.batch\.log.*loading the model"):
        run_batch(make_profile("fake", f"--fake={fake}"), tmp_path / "state", files, None, vllm)


def test_an_interrupted_run_leaves_no_process(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    def interrupt(line: str) -> None:
        if "50%" in line:
            raise KeyboardInterrupt(line)

    mark = f"--mark={tmp_path}"
    with pytest.raises(KeyboardInterrupt, match="1/2"):
        run_batch(make_profile("fake", mark, "--fake=hangs"), tmp_path / "state", files, interrupt, vllm)
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert not (tmp_path / "state" / "fake.batch.json").exists()


def test_a_run_left_behind_by_a_killed_one_is_stopped(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    left = psutil.Popen(["sleep", "600"], start_new_session=True)
    state = tmp_path / "state"
    state.mkdir()
    (state / "fake.batch.json").write_text(json.dumps({"pid": left.pid, "created": left.create_time()}))
    run_batch(make_profile(), state, files, None, vllm)
    assert left.wait(timeout=10) != 0
    assert files.replies.is_file()


def test_somebody_elses_server_cannot_be_loaded(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    with pytest.raises(ServerError, match=r"Leave out annotate\.client\.offline"):
        run_batch(remote("http://127.0.0.1:9/v1"), tmp_path / "state", files, None, vllm)
