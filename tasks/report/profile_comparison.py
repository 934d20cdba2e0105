"""What a language-model profile's keywords are worth and what they cost: the figures that profiles are compared by."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pydantic import JsonValue

from storage.completion_upkeep import answers_by_run
from storage.completions import CompletionStore
from storage.contracts import ANNOTATIONS
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import LLMProfile
from storage.tables import read_table
from tasks.step import StepResult, Summary

_THOUSAND = 1000


@dataclass(frozen=True)
class ProfileFigures:
    """Quality and cost of one profile on one dataset. Shares are between 0 and 1, of the items that were asked about.

    Parameters
    ----------
    valid
        Share of prompts with a usable answer.
    supported
        Share of the keywords in usable answers that their source supports.
    keywords_per_item
        Mean number of keywords left by curation.
    with_pro, with_con, with_three_of_each
        Share of items with a keyword on that side, and with at least three on both, after curation.
    vocabulary
        Distinct keywords after curation.
    prompt_tokens, output_tokens
        Per thousand items, answers that could not be used included; None where the cache has lost some of them.
    seconds
        Per thousand items, at the rate at which this machine's run asked; None where it asked nothing, since every
        answer was stored already.
    """

    profile: str
    model: str
    prompt_style: str
    items: int
    prompts: int
    valid: float
    supported: float
    keywords_per_item: float
    with_pro: float
    with_con: float
    with_three_of_each: float
    vocabulary: int
    prompt_tokens: float | None
    output_tokens: float | None
    seconds: float | None


def profile_figures(
    profile: LLMProfile, folder: RunFolder, results: dict[str, StepResult], store: CompletionStore
) -> ProfileFigures:
    """Count what the steps annotate and curate made of a profile's answers.

    Parameters
    ----------
    profile
        Who answered.
    folder
        The run folder with its annotations.
    results
        Of the steps annotate and curate, by name.
    store
        The completion cache, which knows the tokens of every answer.
    """
    rows = read_table(folder.path("annotations.parquet"), ANNOTATIONS)
    annotations = rows.unique(["item_id", "user_id", "prompt_hash"])  # a prompt for both sides has two rows
    annotated, curated = results["annotate"].summary, results["curate"].summary
    items, prompts = annotations["item_id"].n_unique(), annotations.height
    usable = annotations.filter(pl.col("status") == "ok").height
    (used,) = answers_by_run(store, {profile.name: annotations["prompt_hash"]})
    complete = used.answers >= usable
    rate = _number(annotated, "prompts_per_second")
    per_item = _THOUSAND / max(items, 1)
    return ProfileFigures(
        profile=profile.name,
        model=profile.served_name,
        prompt_style=profile.prompt_style,
        items=items,
        prompts=prompts,
        valid=usable / max(prompts, 1),
        supported=_number(curated, "grounded_share"),
        keywords_per_item=_number(curated, "keywords_per_item"),
        with_pro=_number(curated, "items_with_pro") / max(items, 1),
        with_con=_number(curated, "items_with_con") / max(items, 1),
        with_three_of_each=_number(curated, "items_with_3_pros_and_3_cons") / max(items, 1),
        vocabulary=int(_number(curated, "vocabulary")),
        prompt_tokens=used.prompt_tokens * per_item if complete else None,
        output_tokens=used.output_tokens * per_item if complete else None,
        seconds=prompts / rate * per_item if rate > 0 else None,
    )


def comparison_rows(figures: list[ProfileFigures]) -> list[list[str]]:
    """A table of text: a heading of the profiles' names, then a figure a row."""
    rows = [["", *(one.profile for one in figures)]]
    for label, cell in _ROWS:
        rows.append([label, *(cell(one) for one in figures)])
    return rows


def _share(value: float) -> str:
    return f"{value:.1%}"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


_ROWS = (
    ("model", lambda one: one.model),
    ("prompts", lambda one: one.prompt_style),
    ("items asked about", lambda one: _count(one.items)),
    ("prompts asked", lambda one: _count(one.prompts)),
    ("valid answers", lambda one: _share(one.valid)),
    ("keywords with support", lambda one: _share(one.supported)),
    ("curated keywords an item", lambda one: f"{one.keywords_per_item:.2f}"),
    ("items with a pro", lambda one: _share(one.with_pro)),
    ("items with a con", lambda one: _share(one.with_con)),
    ("items with 3 pros and 3 cons", lambda one: _share(one.with_three_of_each)),
    ("vocabulary", lambda one: _count(one.vocabulary)),
    ("prompt tokens per 1,000 items", lambda one: _count(one.prompt_tokens)),
    ("output tokens per 1,000 items", lambda one: _count(one.output_tokens)),
    ("seconds per 1,000 items", lambda one: _count(one.seconds)),
)


def _number(summary: Summary, name: str) -> float:
    value: JsonValue = summary[name]
    if not isinstance(value, int | float):
        raise TypeError(f"summary field {name}: expected a number, found {value!r}")
    return float(value)
