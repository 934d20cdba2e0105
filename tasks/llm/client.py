"""Asks a language-model server many questions at once, over the OpenAI protocol, and loses no answer.

Each answer goes into the completion cache the moment it arrives; what the cache holds is never sent again. A question
whose answer cannot be used is sent once more in its second form, then recorded, as is one that the server refuses.
Retries and restarts of the server belong to tasks/llm/retries.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from storage.completions import CompletionStore
from tasks.llm.questions import Outcome, Question, Server, ServerSource, Tally
from tasks.llm.replies import RefusedError
from tasks.llm.settings import ClientSettings

if TYPE_CHECKING:
    from tasks.llm.retries import RetryingChat


class BatchClient:
    """Answers a batch of questions from the cache and, for what that lacks, from a server.

    Parameters
    ----------
    store
        The completion cache.
    source
        Gives a server; used only where the cache lacks something.
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
        self.tally = Tally(0)

    def answer(self, questions: Sequence[Question]) -> list[Outcome]:
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
            server = self._source.handle()
            self.tally.start()
            asyncio.run(self._ask_all(server, questions, outcomes, pending))
        return [outcome for outcome in outcomes if outcome is not None]

    async def _ask_all(
        self, server: Server, questions: Sequence[Question], outcomes: list[Outcome | None], pending: list[int]
    ) -> None:
        """Work through `pending` with a bounded number of workers; outcomes are filled in place."""
        from tasks.llm.retries import RetryingChat  # the openai client takes a second or two to import

        queue = iter(pending)

        async def work(chat: RetryingChat) -> None:
            for index in queue:
                outcomes[index] = outcome = await self._ask(chat, questions[index])
                self.tally.uncached += 1
                self.tally.count(outcome)
                self._on_progress(self.tally)

        try:
            async with (
                aclosing(RetryingChat(server, self._source, self._settings, self.tally)) as chat,
                asyncio.TaskGroup() as group,
            ):
                for _ in range(min(chat.most_in_flight, len(pending))):
                    group.create_task(work(chat))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__

    async def _ask(self, chat: RetryingChat, question: Question) -> Outcome:
        """Ask the first form and, where its answer cannot be used, the second."""
        stored = self._store.get_many(question.keys)
        requests, outcome = 0, Outcome(None, "no form of the question")
        for key, body in zip(question.keys, question.bodies, strict=True):
            completion = stored.get(key)
            if completion is None:
                try:
                    completion = await chat.complete(body)
                except RefusedError as error:
                    return Outcome(None, str(error), requests + 1)
                requests += 1
                self._store.put(key, completion, model=chat.model, prompt=question.keys[0])
                self.tally.prompt_tokens += completion.prompt_tokens
                self.tally.output_tokens += completion.output_tokens
            outcome = question.judge(completion, requests)
            if outcome.completion is not None:
                break
        return outcome


def from_cache(store: CompletionStore, questions: Sequence[Question], tally: Tally) -> list[Outcome | None]:
    """Outcomes that the completion cache settles; None where a form has still to be sent."""
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
