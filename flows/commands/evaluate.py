"""`recaudience evaluate`: make the fidelity card of a dataset and print it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from flows.commands.display import run_display
from flows.commands.terminal import (
    AssignmentsOption,
    DataOption,
    DatasetArgument,
    JsonOption,
    LLMOption,
    SourceOption,
    VerboseOption,
    console,
)
from flows.prefect_environment import configure_prefect
from storage.run_folder import RunFolder, Split

_Splits = Literal["tail", "loo", "time", "all"]


def evaluate_command(
    dataset: DatasetArgument = "sample",
    *,
    source: SourceOption = None,
    llm: LLMOption = "embedded",
    split: Annotated[_Splits, typer.Option(help="One split, or all three.")] = "all",
    peers: Annotated[
        bool, typer.Option("--peers", help="Judge other kinds of simulated users too: a transformer, a language model.")
    ] = False,
    training_gain: Annotated[
        bool,
        typer.Option("--training-gain", help="Fit recommenders with and without simulated reactions too."),
    ] = False,
    assignments: AssignmentsOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Measure how closely a dataset's simulated users match its real ones: the fidelity card, split by split.

    Steps that an earlier run has completed are taken from it.
    """
    configure_prefect(data)
    from flows.settings import Settings, parse_overrides
    from tasks.steps.ingest import source_files

    overrides = parse_overrides(assignments or [])
    splits: tuple[Split, ...] = ("tail", "loo", "time") if split == "all" else (split,)
    source_files(Settings.load(dataset, source, llm, splits[0], overrides, data=data).ingest)

    from flows.evaluate import evaluate
    from tasks.report.card_tables import card_tables

    with run_display(data, verbose=verbose):
        evaluate(
            dataset=dataset,
            source=source,
            llm=llm,
            splits=splits,
            with_peers=peers,
            with_training_gain=training_gain,
            overrides=overrides,
            data=str(data),
        )
    folders = {name: RunFolder.of(data, dataset, name) for name in splits}
    if as_json:
        console.print_json(data={name: _card(folder) for name, folder in folders.items()})
        return
    for name, folder in folders.items():
        for _, title, (header, *body) in card_tables(folder):
            table = Table(*header, title=f"{title} ({name})", title_justify="left", box=None, header_style="bold")
            for row in body:
                table.add_row(*row)
            console.print(table, "")
        console.print(f"Card: {folder.path('report/card.html')}", "")


def _card(folder: RunFolder) -> dict[str, object]:
    from tasks.evaluation.peers import load_peers
    from tasks.evaluation.training_gain import load_training_gain

    optional = {"peers": load_peers(folder), "training_gain": load_training_gain(folder)}
    parts = ("fidelity", "behaviour", "ablation", "data_size", *(name for name, part in optional.items() if part))
    return {part: json.loads(folder.path(f"report/{part}.json").read_text(encoding="utf-8")) for part in parts}
