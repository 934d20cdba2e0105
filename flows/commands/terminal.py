"""Shared by the commands: the console that they write to, and options that several of them take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT, RunFolder, Split

# Tables in a log file are as wide as they need; on a terminal they fit it.
console = Console(width=None if sys.stdout.isatty() else 140)

DataOption = Annotated[
    Path, typer.Option("--data", help="The data folder, where runs are kept.", envvar="RECAUDIENCE_DATA")
]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset profile; `recaudience datasets` lists them.")]

SourceOption = Annotated[str | None, typer.Option(help="Folder or file with the publisher's files.")]
SplitOption = Annotated[Split, typer.Option(help="How interactions are split into train, validation and test.")]
PresetOption = Annotated[
    str | None,
    typer.Option(
        help="Settings that reproduce somebody's configuration, over the dataset's own: `paper`. "
        "The run is then named DATASET@PRESET, which other commands take as a dataset.",
    ),
]
LLMOption = Annotated[str, typer.Option(help="Language-model profile; `recaudience llm profiles` lists them.")]
AssignmentsOption = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting, as in `--set sasrec.max_epochs=5`; repeatable.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show Prefect's own lines too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
PromptCapOption = Annotated[
    str | None, typer.Option(help="Cap on prompts to the language model: a number, or `all`.", metavar="N|all")
]


def prompt_cap(text: str) -> int | None:
    """A cap on prompts as a number; None for `all`.

    Raises
    ------
    SettingsError
        Where the text is neither a whole number from 1 nor `all`.
    """
    if text == "all":
        return None
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"--max-prompts {text!r}: expected a whole number from 1, or all.")
    return int(text)


def finished_run(data: Path, dataset: str, split: Split) -> RunFolder:
    """The run folder of a finished run.

    Raises
    ------
    SettingsError
        Where the dataset has no finished run under that split.
    """
    folder = RunFolder.of(data, dataset, split)
    if not folder.path("manifest.json").exists():
        command = f"recaudience reproduce {dataset}" + (f" --split {split}" if split != DEFAULT_SPLIT else "")
        raise SettingsError(f"{folder.root}: no finished run there. Make one with: {command}")
    return folder
