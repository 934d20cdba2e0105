"""`recaudience reproduce` and `rerun`: the whole pipeline for a dataset, and the tables that it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.commands.display import run_display
from flows.commands.terminal import (
    AssignmentsOption,
    DataOption,
    DatasetArgument,
    LLMOption,
    PresetOption,
    PromptCapOption,
    SourceOption,
    SplitOption,
    VerboseOption,
    console,
    prompt_cap,
)
from flows.prefect_environment import configure_prefect
from storage.run_folder import DEFAULT_SPLIT, RunFolder, Split, StepName

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True)
class _Run:
    """What is run, where."""

    dataset: str
    source: str | None
    llm: str
    split: Split
    data: Path


def reproduce_command(
    dataset: DatasetArgument = "sample",
    *,
    source: SourceOption = None,
    preset: PresetOption = None,
    llm: LLMOption = "embedded",
    split: SplitOption = DEFAULT_SPLIT,
    max_prompts: PromptCapOption = None,
    assignments: AssignmentsOption = None,
    verbose: VerboseOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Run the whole pipeline for a dataset and write its report.

    Steps whose inputs and settings have not changed are taken from the last run; an interrupted run resumes.
    """
    from storage.settings.presets import with_preset

    configure_prefect(data)
    run = _Run(with_preset(dataset, preset), source, llm, split, data)
    _reproduce(run, _overrides(assignments, max_prompts), None, verbose=verbose)


def rerun_command(
    dataset: DatasetArgument,
    *,
    from_step: Annotated[StepName, typer.Option("--from", help="The first step that runs again.")],
    source: SourceOption = None,
    preset: PresetOption = None,
    llm: LLMOption = "embedded",
    split: SplitOption = DEFAULT_SPLIT,
    max_prompts: PromptCapOption = None,
    assignments: AssignmentsOption = None,
    verbose: VerboseOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Run a step again although nothing has changed, and with it all that depend on it.

    Stored answers of the language model and agents that are trained already are used all the same. Settings that
    differed in the last run are given again.
    """
    from storage.settings.presets import with_preset

    configure_prefect(data)
    run = _Run(with_preset(dataset, preset), source, llm, split, data)
    _reproduce(run, _overrides(assignments, max_prompts), from_step, verbose=verbose)


def print_report(folder: RunFolder) -> None:
    """Print the tables of a finished run, and where its report is."""
    from tasks.report.policy_table import reinforcement_rows
    from tasks.report.published import published_rows
    from tasks.report.tables import fidelity_rows

    tables = {
        "Fidelity": fidelity_rows(folder),
        "Reinforcement learning": reinforcement_rows(folder),
        "Published results and this run's": published_rows(folder),
    }
    for title, rows in tables.items():
        if rows is None:
            continue
        header, *body = rows
        table = Table(*header, title=title, title_justify="left", box=None, header_style="bold")
        for row in body:
            table.add_row(*row)
        console.print(table, "")
    console.print(f"Report: {folder.path('report/index.html')}")


def _overrides(assignments: list[str] | None, max_prompts: str | None) -> dict[str, JsonValue]:
    from flows.settings import parse_overrides

    overrides = parse_overrides(assignments or [])
    return overrides if max_prompts is None else overrides | {"annotate.max_prompts": prompt_cap(max_prompts)}


def _reproduce(run: _Run, overrides: Mapping[str, JsonValue], from_step: StepName | None, *, verbose: bool) -> None:
    from flows.settings import Settings
    from tasks.steps.ingest import source_files

    # Misspelt settings and missing files are reported at once, not after Prefect has started.
    source_files(Settings.load(run.dataset, run.source, run.llm, run.split, overrides, data=run.data).ingest)

    from flows.reproduce import reproduce

    with run_display(run.data, verbose=verbose):
        reproduce(
            run.dataset,
            source=run.source,
            llm=run.llm,
            split=run.split,
            overrides=dict(overrides),
            from_step=from_step,
            data=str(run.data),
        )
    print_report(RunFolder.of(run.data, run.dataset, run.split))
