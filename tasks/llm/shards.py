"""A long batch in shards of some thousand questions, each a task of its own where a Prefect run is under way.

A shard that loses its server, or meets a full disk, is tried again by Prefect; what it had answered by then comes from
the completion cache, so that a retry asks only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext, TaskRunContext

from storage.errors import ServerLostError
from tasks.llm.questions import Outcome, Question

_RETRY_SECONDS = [5.0, 30.0]

_Ask = Callable[[Sequence[Question]], list[Outcome]]


def in_shards(name: str, questions: Sequence[Question], size: int, ask: _Ask) -> list[Outcome]:
    """Outcomes in the order of the questions.

    Parameters
    ----------
    name
        Of the tasks; they are numbered.
    size
        Most questions of a shard.
    ask
        Answers a shard.
    """
    shards = [questions[start : start + size] for start in range(0, len(questions), size)]
    outcomes: list[Outcome] = []
    for number, shard in enumerate(shards, 1):
        if TaskRunContext.get() is None and FlowRunContext.get() is None:
            outcomes += ask(shard)
            continue

        def run(shard: Sequence[Question] = shard) -> list[Outcome]:
            return ask(shard)

        task = Task(
            run,
            name=f"{name}-shard",
            task_run_name=f"{name} shard {number} of {len(shards)}",
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=2,
            retry_delay_seconds=_RETRY_SECONDS,
            retry_condition_fn=_may_pass,
        )
        outcomes += task()
    return outcomes


def _may_pass(task: object, run: object, state: object) -> bool:
    return isinstance(getattr(state, "data", None), ServerLostError | OSError)
