"""`recaudience annotate compare`: several language models on one dataset, with quality and cost of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flows.commands.display import run_display
from flows.commands.terminal import (
    AssignmentsOption,
    DataOption,
    JsonOption,
    PromptCapOption,
    SourceOption,
    SplitOption,
    VerboseOption,
    console,
    prompt_cap,
)
from flows.prefect_environment import configure_prefect
from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT

annotate_app = typer.Typer(help="What language models say about a dataset's items.", no_args_is_help=True)


@annotate_app.callback()
def annotate_command() -> None:
    """Keep `compare` a command of its own."""


@annotate_app.command("compare")
def compare_command(
    profiles: Annotated[list[str], typer.Argument(help="Two or more profiles of deployments/llm, or paths of some.")],
    *,
    dataset: Annotated[str, typer.Option(help="A dataset profile; `recaudience datasets` lists them.")] = "sample",
    source: SourceOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    max_prompts: PromptCapOption = None,
    assignments: AssignmentsOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Compare language models: quality of their keywords on a dataset, and cost per thousand items, side by side.

    Stored answers are used where there are any: a second comparison sends no requests.
    """
    configure_prefect(data)
    from flows.settings import Settings, parse_overrides
    from tasks.steps.ingest import source_files

    overrides = parse_overrides(assignments or [])
    if max_prompts is not None:
        overrides["annotate.max_prompts"] = prompt_cap(max_prompts)
    settings = [Settings.load(dataset, source, name, split, overrides, data=data) for name in profiles]
    names = Counter(one.llm.name for one in settings)
    if len(names) != len(profiles) or len(profiles) < 2:
        raise SettingsError(f"compare needs two or more profiles of different names, found {', '.join(names)}.")
    source_files(settings[0].ingest)

    from flows.compare import compare
    from tasks.report.profile_comparison import comparison_rows

    with run_display(data, verbose=verbose):
        figures = compare(profiles, dataset, source=source, split=split, overrides=overrides, data=str(data))
    if as_json:
        console.print_json(data={"dataset": dataset, "split": split, "profiles": [asdict(one) for one in figures]})
        return
    header, *body = comparison_rows(figures)
    table = Table(title=f"Language models on {dataset}", title_justify="left", box=None, header_style="bold")
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left")
    for row in body:
        table.add_row(*row)
    console.print(table)
