"""The figures that language-model profiles are compared by, counted from a small table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from storage.completions import Completion, CompletionStore
from storage.contracts import ANNOTATIONS, polars_schema
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import LLMProfile
from storage.tables import write_table
from tasks.report.profile_comparison import ProfileFigures, comparison_rows, profile_figures
from tasks.step import StepResult, Summary

PROFILE = LLMProfile(
    name="small", model="./small", served_name="small-1", device="cpu", prompt_style="few_shot", concurrency=2
)
CURATED: Summary = {
    "grounded_share": 0.75,
    "keywords_per_item": 2.5,
    "items_with_pro": 2,
    "items_with_con": 1,
    "items_with_3_pros_and_3_cons": 1,
    "vocabulary": 4,
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Four prompts about two items; the last one failed."""
    row = {"kind": "objective", "side": "pro", "user_id": None, "model": "small-1", "response": "{}", "reason": None}
    row |= {"keywords": [], "evidence": [], "prompt_tokens": 10, "output_tokens": 5}
    rows = [
        row | {"item_id": number % 2, "prompt_hash": f"p{number}", "status": "ok" if number < 3 else "failed"}
        for number in range(4)
    ]
    folder = RunFolder(tmp_path / "run")
    write_table(folder.path("annotations.parquet"), pl.DataFrame(rows, schema=polars_schema(ANNOTATIONS)), ANNOTATIONS)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CompletionStore]:
    """The answers: of the failed prompt both forms, and one of somebody else."""
    with CompletionStore(tmp_path / "completions.sqlite") as opened:
        for key in ("p0", "p1", "p2", "p3"):
            opened.put(key, Completion("{}", 10, 5, "stop"), model="small-1", prompt=key)
        opened.put("p3-second", Completion("{}", 10, 5, "stop"), model="small-1", prompt="p3")
        opened.put("other", Completion("{}", 1000, 1000, "stop"), model="large", prompt="other")
        yield opened


def figures(folder: RunFolder, store: CompletionStore, rate: float = 0.5) -> ProfileFigures:
    annotated: Summary = {"prompts_per_second": rate}
    results = {
        name: StepResult(outputs=(), summary=summary, seconds=1.0)
        for name, summary in (("annotate", annotated), ("curate", CURATED))
    }
    return profile_figures(PROFILE, folder, results, store)


def test_shares_are_of_prompts_and_of_items_and_costs_of_a_thousand_items(
    folder: RunFolder, store: CompletionStore
) -> None:
    found = figures(folder, store)
    assert (found.items, found.prompts, found.valid, found.supported) == (2, 4, 0.75, 0.75)
    assert (found.with_pro, found.with_con, found.with_three_of_each) == (1.0, 0.5, 0.5)
    assert (found.prompt_tokens, found.output_tokens) == (25_000, 12_500), "five answers about two items"
    assert found.seconds == 4_000, "four prompts about two items at one in two seconds"


def test_what_was_not_measured_is_not_made_up(folder: RunFolder, store: CompletionStore, tmp_path: Path) -> None:
    assert figures(folder, store, rate=0.0).seconds is None
    with CompletionStore(tmp_path / "pruned.sqlite") as pruned:
        found = figures(folder, pruned)
    assert (found.prompt_tokens, found.output_tokens) == (None, None)


def test_the_table_has_a_profile_a_column(folder: RunFolder, store: CompletionStore) -> None:
    one = figures(folder, store)
    header, *rows = comparison_rows([one, replace(one, profile="other", valid=1.0, seconds=None)])
    assert header == ["", "small", "other"]
    assert ["valid answers", "75.0%", "100.0%"] in rows
    assert ["seconds per 1,000 items", "4,000", "-"] in rows
    assert {len(row) for row in rows} == {3}
