"""Step `annotate`: asks a language model why people like or dislike each item, and keeps every answer.

Objective prompts read an item's facts, subjective ones train reviews. Answers live in the completion cache that all
datasets share, so that a killed run, or one with another split, asks only for what is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, Self

import polars as pl
from pydantic import ConfigDict, Field, JsonValue

from models.reading.prompts import PromptSettings, wording_version
from models.reading.replies import Reading
from storage.completions import CompletionStore, completion_key
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, polars_schema
from storage.errors import AnnotationError, ServerError
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import LLMProfile, Sampling
from storage.tables import read_table, scanned_table, write_table
from tasks.llm.client import BatchClient
from tasks.llm.offline import OfflineClient
from tasks.llm.progress import batch_progress
from tasks.llm.questions import BatchRunner, Outcome, Question, ServerSource, Tally, reasons_text
from tasks.llm.settings import ClientSettings
from tasks.llm.shards import in_shards
from tasks.step import Summary, step, step_logger
from tasks.steps.prompt_plan import Plan, PlannedPrompt, PlanSettings, plan_prompts


class AnswerSource(ServerSource, BatchRunner, Protocol):
    """Where answers come from: a server, or a run of the batch command."""


_SECOND_FORM_TEMPERATURE = 0.7


class AnnotateSettings(PlanSettings):
    """What is asked, of which model, and how many failures are borne."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompts: PromptSettings = Field(default=PromptSettings(), description="How they are worded")
    model: str = Field(default="", description="Name of the model; part of the completion cache's key")
    revision: str | None = Field(default=None, description="Its revision; part of the completion cache's key")
    sampling: Sampling = Field(default=Sampling(), description="How answers are drawn")
    max_failed_share: float = Field(
        default=0.05, ge=0, le=1, description="A larger share of failed prompts fails the step"
    )
    client: ClientSettings = Field(
        default=ClientSettings(),
        exclude=True,
        description="How the server is asked; changes no answer, so is in no cache key",
    )

    def of_model(self, profile: LLMProfile, noun: str) -> Self:
        """These settings for a language-model profile and a dataset's noun."""
        return self.model_copy(
            update={
                "prompts": self.prompts.model_copy(update={"style": profile.prompt_style, "noun": noun}),
                "model": profile.served_name,
                "revision": profile.answering_revision,
                "sampling": profile.sampling,
                "client": self.client.model_copy(update={"concurrency": profile.concurrency}),
            }
        )


@step(version="6", reads=("items.parquet", "interactions.parquet"), writes=("annotations.parquet",))
def annotate(
    folder: RunFolder,
    settings: AnnotateSettings,
    *,
    source: AnswerSource | None = None,
    completions: Path | None = None,
) -> Summary:
    """Ask what the completion cache does not hold and publish one row a prompt and side.

    Parameters
    ----------
    folder, settings
        The run folder after `ingest`, and what is asked of which model.
    source
        Where answers come from, should any be missing; given by the flow through `Step.given`, since an address is no
        part of the cache key.
    completions
        The completion cache; `completions.sqlite` beside the run folder where not given.

    Raises
    ------
    AnnotationError
        Where more than `max_failed_share` of the prompts stayed without a usable answer. Nothing is published; the
        answers are kept.
    ServerError
        Where a server is needed and cannot be had or used.
    """
    items = read_table(folder.path("items.parquet"), ITEMS)
    with scanned_table(folder.path("interactions.parquet"), INTERACTIONS) as interactions:
        plan = plan_prompts(items, interactions.filter(split="train"), settings, settings.prompts)
    questions = [question_of(planned, settings) for planned in plan.prompts]
    path = completions or folder.root.parent / "completions.sqlite"
    with CompletionStore(path) as store, batch_progress("annotate", len(questions)) as show:
        tally = Tally(len(questions))
        asking = _Asking(store, source or NoServer(), settings.model, settings.client, show, tally)
        outcomes = in_shards("annotate", questions, settings.client.shard_prompts, asking.shard)
    tally = asking.tally
    summary = _summary(plan, tally) | {"prompts_version": wording_version(settings.prompts)}
    step_logger().info("annotate: %s", summary)
    if tally.failed > settings.max_failed_share * len(questions):
        raise AnnotationError(
            f"{tally.failed} of {len(questions)} prompts stayed without a usable answer, more than the share of "
            f"{settings.max_failed_share:g} that annotate.max_failed_share allows: "
            f"{reasons_text(tally.reasons)}. Try another language-model profile (--llm) or raise the share; "
            "the answers so far are kept."
        )
    rows = [
        row
        for planned, question, outcome in zip(plan.prompts, questions, outcomes, strict=True)
        for row in _rows(planned, question, outcome, settings.model)
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(ANNOTATIONS))
    write_table(folder.path("annotations.parquet"), frame, ANNOTATIONS)
    return summary


@dataclass
class _Asking:
    """Answers shards one after another and counts over all of them."""

    store: CompletionStore
    source: AnswerSource
    model: str
    settings: ClientSettings
    show: Callable[[Tally], None]
    tally: Tally

    def shard(self, questions: Sequence[Question]) -> list[Outcome]:
        """Outcomes of a shard; those of one that fails are counted when it is tried again."""
        before, finished = self.tally, False

        def show(tally: Tally) -> None:
            self.show(before.plus(tally))

        if self.settings.offline:
            client = OfflineClient(self.store, self.source, self.model, show)
        else:
            client = BatchClient(self.store, self.source, self.settings, show)
        try:
            outcomes = client.answer(questions)
            finished = True
        finally:
            self.tally = before.plus(client.tally, finished=finished)
        return outcomes


class NoServer:
    """Stands where no source of answers was given."""

    def handle(self) -> NoReturn:
        """Refuse."""
        raise ServerError(
            "prompts have no stored answer and no language-model server was given. Run the step through "
            "`recaudience reproduce` or `recaudience evaluate`, which start one."
        )

    def restart(self) -> NoReturn:
        """Refuse."""
        self.handle()

    def run_batch(self, requests: Path, replies: Path) -> NoReturn:
        """Refuse."""
        self.handle()


def question_of(planned: PlannedPrompt, settings: AnnotateSettings) -> Question:
    """A planned prompt as a request, and as a second one for the case that its answer cannot be used."""
    prompt, sampling = planned.prompt, settings.sampling
    second = sampling.model_copy(
        update={
            "temperature": max(sampling.temperature, _SECOND_FORM_TEMPERATURE),
            "seed": (sampling.seed or 0) + 1,
        }
    )
    messages: JsonValue = [{"role": message["role"], "content": message["content"]} for message in prompt.messages]
    schema = prompt.schema
    keys, bodies = [], []
    for form in (sampling, second):
        drawn: dict[str, JsonValue] = form.model_dump(exclude_none=True)
        keys.append(
            completion_key(
                {
                    "model": settings.model,
                    "revision": settings.revision,
                    "sampling": drawn,
                    "messages": messages,
                    "schema": schema,
                }
            )
        )
        answer_format: JsonValue = {"type": "json_schema", "json_schema": {"name": "keywords", "schema": schema}}
        bodies.append({"messages": messages, "response_format": answer_format, **drawn})
    return Question(tuple(keys), tuple(bodies), prompt.read)


def _rows(planned: PlannedPrompt, question: Question, outcome: Outcome, model: str) -> Iterator[dict[str, JsonValue]]:
    """A row for each side that the prompt asks for; the first one counts the tokens."""
    completion, prompt = outcome.completion, planned.prompt
    reading = prompt.read(completion.response) if completion else Reading((), ())
    for place, side in enumerate(prompt.sides):
        own = reading if len(prompt.sides) == 1 else reading.of_side(side)
        counted = completion if place == 0 else None
        yield {
            "item_id": planned.item,
            "kind": prompt.kind,
            "side": side,
            "user_id": planned.user,
            "prompt_hash": question.keys[0],
            "model": model,
            "response": completion.response if completion else None,
            "status": "ok" if completion else "failed",
            "reason": outcome.reason,
            "keywords": list(own.keywords),
            "evidence": list(own.evidence),
            "prompt_tokens": counted.prompt_tokens if counted else 0,
            "output_tokens": counted.output_tokens if counted else 0,
        }


def _summary(plan: Plan, tally: Tally) -> Summary:
    kinds = [planned.prompt.kind for planned in plan.prompts]
    return {
        "prompts": len(kinds),
        "objective": kinds.count("objective"),
        "subjective": kinds.count("subjective"),
        "items": len({planned.item for planned in plan.prompts}),
        "items_without_facts": plan.items_without_facts,
        "reviews_available": plan.reviews_available,
        "reviews_without_content": plan.reviews_without_content,
        "from_cache": tally.cached,
        "asked": tally.uncached,
        "requests": tally.requests,
        "failed": tally.failed,
        "failure_reasons": dict(tally.reasons),
        "server_restarts": tally.restarts,
        "prompt_tokens": tally.prompt_tokens,
        "output_tokens": tally.output_tokens,
        "seconds_asking": round(tally.seconds, 2) if tally.requests else 0.0,
        "prompts_per_second": round(tally.per_second(tally.uncached), 2) if tally.requests else 0.0,
        "output_tokens_per_second": round(tally.per_second(tally.output_tokens), 1) if tally.requests else 0.0,
    }
