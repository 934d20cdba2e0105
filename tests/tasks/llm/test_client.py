import asyncio
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.completion_upkeep import answers_by_model, answers_by_run
from storage.completions import CompletionStore
from storage.errors import ServerError, ServerLostError
from tasks.llm.client import BatchClient
from tasks.llm.questions import Outcome, Question, ServerSource, Tally, reasons_text
from tasks.llm.settings import ClientSettings
from tests.support.chat_server import ChatServer, chat_server, reply

FAST = ClientSettings(
    concurrency=4, timeout_seconds=5, attempts=3, first_pause_seconds=0.001, longest_pause_seconds=0.002, restarts=1
)
OK = '{"keywords": []}'


def accept(text: str) -> object:
    return json.loads(text)


def questions(count: int) -> list[Question]:
    return [
        Question((f"{n}-first", f"{n}-second"), ({"n": n, "form": 1}, {"n": n, "form": 2}), accept)
        for n in range(count)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        yield opened


def answer(
    store: CompletionStore, source: ServerSource, count: int, settings: ClientSettings = FAST
) -> tuple[list[Outcome], Tally]:
    client = BatchClient(store, source, settings)
    return client.answer(questions(count)), client.tally


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_an_error_that_passes_is_sent_again(store: CompletionStore, status: int) -> None:
    with chat_server(lambda number, body: (status, "busy") if number == 0 else (200, reply(OK))) as server:
        outcomes, tally = answer(store, server, 1)
    assert outcomes[0].completion is not None
    assert (tally.requests, tally.failed, server.restarts) == (2, 0, 0)


@dataclass
class Several:
    """Equal servers behind one source."""

    base_urls: tuple[str, ...]
    api_key: str | None = None
    model: str = "fake"

    def handle(self) -> "Several":
        return self

    def restart(self) -> "Several":
        raise ServerError("there is nothing to restart")


def test_equal_servers_are_asked_in_turn(store: CompletionStore) -> None:
    with chat_server(lambda n, body: (200, reply(OK))) as one, chat_server(lambda n, body: (200, reply(OK))) as two:
        outcomes, _ = answer(store, Several((one.base_url, two.base_url)), 20)
    assert all(outcome.completion for outcome in outcomes)
    assert (len(one.bodies), len(two.bodies)) == (10, 10)


def test_what_one_of_equal_servers_cannot_answer_another_does(store: CompletionStore) -> None:
    with chat_server(lambda n, body: (0, "")) as down, chat_server(lambda n, body: (200, reply(OK))) as up:
        settings = FAST.model_copy(update={"attempts": 2})
        outcomes, tally = answer(store, Several((down.base_url, up.base_url)), 12, settings)
    assert all(outcome.completion for outcome in outcomes)
    assert (len(up.bodies), tally.restarts) == (12, 0)


def test_both_forms_of_a_question_are_stored_with_their_model_and_prompt(store: CompletionStore) -> None:
    with chat_server(lambda n, body: (200, reply(OK if body["form"] == 2 else "no JSON"))) as server:
        answer(store, server, 1)
    assert [(row.model, row.answers) for row in answers_by_model(store)] == [("fake", 2)]
    assert answers_by_run(store, {"run": ["0-first"]})[0].answers == 2


def test_answers_come_back_in_the_order_of_the_questions(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(json.dumps(body["n"])))) as server:
        outcomes, tally = answer(store, server, 30)
    assert [outcome.completion.response for outcome in outcomes if outcome.completion] == [str(n) for n in range(30)]
    assert (tally.uncached, tally.cached, tally.output_tokens) == (30, 0, 150)


def test_a_stored_answer_is_never_asked_for_again(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(OK))) as server:
        answer(store, server, 5)
        outcomes, tally = answer(store, server, 8)
    assert sorted(body["n"] for body in server.bodies) == list(range(8))
    assert (tally.cached, tally.uncached) == (5, 3)
    assert all(outcome.completion for outcome in outcomes)


def test_no_server_is_needed_where_everything_is_stored(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(OK))) as server:
        answer(store, server, 3)

    class NoServer(ChatServer):
        def handle(self) -> ChatServer:
            raise AssertionError("asked for a server")

    assert answer(store, NoServer(), 3)[1].cached == 3


@pytest.mark.parametrize("bad", [reply("not json"), reply('{"keywords": ["x', "length"), reply("")])
def test_an_unusable_answer_is_asked_once_more_in_its_second_form(store: CompletionStore, bad: str) -> None:
    with chat_server(lambda number, body: (200, bad if body["form"] == 1 else reply(OK))) as server:
        outcomes, tally = answer(store, server, 1)
    assert [body["form"] for body in server.bodies] == [1, 2]
    assert outcomes[0].completion is not None
    assert tally.failed == 0


def test_an_answer_that_stays_unusable_is_a_failure_with_its_reason_and_not_asked_again(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply('{"cut', "length"))) as server:
        outcomes, tally = answer(store, server, 1)
        again, _ = answer(store, server, 1)
    assert outcomes[0].completion is None
    assert outcomes[0].reason == again[0].reason == "answer cut off at the token limit"
    assert tally.reasons == {"answer cut off at the token limit": 1}
    assert len(server.bodies) == 2


def test_a_refused_prompt_is_recorded_and_the_others_go_on(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (400, "too long") if body["n"] == 1 else (200, reply(OK))) as server:
        outcomes, tally = answer(store, server, 3)
    assert outcomes[1].reason == "refused with 400: too long"
    assert sum(outcome.completion is not None for outcome in outcomes) == 2
    assert tally.requests == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_is_about_the_server_ends_the_batch(store: CompletionStore, status: int) -> None:
    with (
        chat_server(lambda number, body: (status, "no such model")) as server,
        pytest.raises(ServerError, match=rf"{status}.*no such model.*Check the profile"),
    ):
        answer(store, server, 3)


def test_garbage_for_one_prompt_fails_that_prompt_only(store: CompletionStore) -> None:
    garbage, others, sends = threading.Semaphore(0), threading.Semaphore(0), Counter[bool]()

    def behave(number: int, body: dict) -> tuple[int, str]:  # another prompt is answered between the sends
        wanted = body["n"] == 1
        sends[wanted] += 1
        if wanted:
            garbage.release()
            for _ in range(2 if sends[wanted] == 1 else 1):  # a request of the others tells that the last was answered
                others.acquire(timeout=5)
            return 200, "<html>a proxy</html>"
        others.release()
        if sends[wanted] <= FAST.attempts:
            garbage.acquire(timeout=5)
        return 200, reply(OK)

    settings = FAST.model_copy(update={"concurrency": 2})
    with chat_server(behave) as server:
        outcomes = BatchClient(store, server, settings).answer(questions(12))
    assert outcomes[1].reason == "the server's reply is not a chat completion"
    assert sum(outcome.completion is not None for outcome in outcomes) == 11


def test_a_hung_server_is_left_after_the_timeout(store: CompletionStore) -> None:
    release = threading.Event()

    def behave(number: int, body: dict) -> tuple[int, str]:
        if number == 0:
            release.wait(5)
        return 200, reply(OK)

    with chat_server(behave) as server:
        outcomes, tally = answer(store, server, 1, FAST.model_copy(update={"timeout_seconds": 1.0}))
        release.set()
    assert outcomes[0].completion is not None
    assert tally.requests == 2


def test_a_lost_server_is_restarted_once_and_the_questions_asked_there(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(OK))) as healthy:

        class Lost(ChatServer):
            def restart(self) -> ChatServer:
                self.restarts += 1
                return healthy

        lost = Lost(base_url=f"http://127.0.0.1:{closed_port()}/v1")
        outcomes, tally = answer(store, lost, 10)
    assert all(outcome.completion for outcome in outcomes)
    assert (lost.restarts, tally.restarts, len(healthy.bodies)) == (1, 1, 10)


def test_what_was_in_flight_when_the_server_was_lost_is_asked_of_the_next_one(store: CompletionStore) -> None:
    lost, failed = threading.Event(), threading.Event()

    def behave(number: int, body: dict) -> tuple[int, str]:
        if number == 4:  # three others are answered by now
            lost.set()
        if body["n"] == 1:  # sent before others are answered, and waiting when the server goes
            lost.wait(timeout=5)
        return (0, "") if lost.is_set() else (200, reply(OK))

    with chat_server(behave) as dying, chat_server(lambda number, body: (200, reply(OK))) as healthy:

        class Lost(ChatServer):
            def restart(self) -> ChatServer:
                failed.wait(timeout=0.2)  # a start takes a while, in which a request may be given up too early
                return healthy

        settings = FAST.model_copy(update={"concurrency": 2})
        source = Lost(base_url=dying.base_url)
        client = BatchClient(store, source, settings, lambda tally: failed.set() if tally.failed else None)
        outcomes = client.answer(questions(12))
    assert {outcome.reason for outcome in outcomes} == {None}


def test_a_server_that_stays_lost_is_an_error_and_stored_answers_stay(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(OK)) if body["n"] < 2 else (0, "")) as server:
        answer(store, server, 2)
        with pytest.raises(ServerError, match=r"stopped answering .*1 restarts did not help.*answers so far are kept"):
            answer(store, server, 4)
    assert len(store) == 2


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_commonest_reasons_are_named_first() -> None:
    assert reasons_text({"b": 1, "a": 1, "c": 5, "d": 1}) == "c (5); a (1); b (1)"


def test_a_busy_server_gets_fewer_requests_at_once_and_every_answer_comes(store: CompletionStore) -> None:
    tries = Counter[int]()

    def behave(number: int, body: dict) -> tuple[int, str]:
        tries[body["n"]] += 1
        return (429, "slow down") if tries[body["n"]] <= 5 else (200, reply(OK))

    with chat_server(behave) as server:
        outcomes, tally = answer(store, server, 20)
    assert {outcome.reason for outcome in outcomes} == {None}, "being turned away is no failure"
    assert (tally.restarts, tally.requests) == (0, 20 * 6)


def test_a_server_that_is_busy_for_good_is_given_up(store: CompletionStore) -> None:
    settings = FAST.model_copy(update={"busy_seconds": 0.0})
    with (
        chat_server(lambda number, body: (503, "busy")) as server,
        pytest.raises(ServerLostError, match=r"server busy \(503\)"),
    ):
        answer(store, server, 2, settings)


def test_requests_that_reach_no_server_are_not_counted(store: CompletionStore) -> None:
    with chat_server(lambda number, body: (200, reply(OK))) as healthy:

        class Lost(ChatServer):
            def restart(self) -> ChatServer:
                return healthy

        _, tally = answer(store, Lost(base_url=f"http://127.0.0.1:{closed_port()}/v1"), 5)
    assert tally.requests == 5


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between sends, which are recorded and not waited for."""
    recorded: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        recorded.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", record)
    return recorded


def test_a_busy_server_is_left_alone_as_long_as_it_asks(store: CompletionStore, pauses: list[float]) -> None:
    replies = iter([(429, "slow down"), (503, "slow down")])
    with chat_server(lambda number, body: next(replies, (200, reply(OK))), {"Retry-After": "7"}) as server:
        outcomes, _ = answer(store, server, 1)
    assert outcomes[0].completion is not None
    assert pauses == [7.0, 7.0]


def test_pauses_after_errors_grow_with_jitter_up_to_a_bound(store: CompletionStore, pauses: list[float]) -> None:
    settings = FAST.model_copy(update={"attempts": 6, "first_pause_seconds": 1.0, "longest_pause_seconds": 4.0})
    replies = iter([(500, "")] * 5)
    with chat_server(lambda number, body: next(replies, (200, reply(OK)))) as server:
        answer(store, server, 1, settings)
    for pause, least in zip(pauses, [1.0, 2.0, 4.0, 4.0, 4.0], strict=True):
        assert least <= pause <= min(least + 1.0, 4.0)
