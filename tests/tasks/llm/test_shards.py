from collections.abc import Sequence

import pytest
from prefect import flow

from storage.completions import Completion
from storage.errors import ServerError, ServerLostError
from tasks.llm import shards
from tasks.llm.questions import Outcome, Question, Tally
from tasks.llm.shards import in_shards


def question(number: int) -> Question:
    return Question((str(number),), ({},), str)


def outcome(number: int) -> Outcome:
    return Outcome(Completion(str(number), 1, 1, "stop"))


class Answers:
    """Answers shards; the first `losses` calls lose the server."""

    def __init__(self, losses: int = 0, error: type[Exception] = ServerLostError) -> None:
        self.sizes: list[int] = []
        self._losses, self._error = losses, error

    def __call__(self, questions: Sequence[Question]) -> list[Outcome]:
        self.sizes.append(len(questions))
        if len(self.sizes) <= self._losses:
            raise self._error("gone")
        return [outcome(int(one.keys[0])) for one in questions]


def test_outcomes_keep_their_order_over_shards_outside_a_run_too() -> None:
    ask = Answers()
    assert in_shards("annotate", [question(n) for n in range(7)], 3, ask) == [outcome(n) for n in range(7)]
    assert ask.sizes == [3, 3, 1]


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_RETRY_SECONDS", [0, 0])


def run_in_flow(ask: Answers) -> list[Outcome]:
    @flow
    def asking() -> list[Outcome]:
        return in_shards("annotate", [question(n) for n in range(5)], 2, ask)

    return asking()


@pytest.mark.usefixtures("no_waiting", "prefect_server")
def test_a_shard_that_loses_its_server_is_tried_again_and_no_other() -> None:
    ask = Answers(losses=1)
    assert run_in_flow(ask) == [outcome(n) for n in range(5)]
    assert ask.sizes == [2, 2, 2, 1]


@pytest.mark.usefixtures("no_waiting", "prefect_server")
def test_what_somebody_must_mend_is_not_tried_again() -> None:
    ask = Answers(losses=1, error=ServerError)
    with pytest.raises(ServerError, match="gone"):
        run_in_flow(ask)
    assert ask.sizes == [2]


def test_tallies_add_up_and_an_unfinished_one_adds_its_costs_only() -> None:
    before = Tally(10, cached=2, uncached=3, failed=1, requests=4, output_tokens=40, seconds=2.0, reasons={"bad": 1})
    shard = Tally(5, cached=1, uncached=4, failed=1, requests=6, output_tokens=60, seconds=3.0, reasons={"bad": 1})
    both = before.plus(shard)
    assert (both.total, both.done, both.failed, both.requests, both.reasons) == (10, 10, 2, 10, {"bad": 2})
    assert both.per_second(both.output_tokens) == 20.0
    lost = before.plus(shard, finished=False)
    assert (lost.done, lost.failed, lost.requests, lost.seconds, lost.reasons) == (5, 1, 10, 5.0, {"bad": 1})
