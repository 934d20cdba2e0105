"""What the commands share: the console that they write to, and options that several have."""

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

PromptCapOption = Annotated[
    str | None, typer.Option(help="Cap on prompts to the language model: a number, or `all`.", metavar="N|all")
]


def prompt_cap(text: str) -> int | None:
    """The number that a cap on prompts says; None where it says `all`.

    Raises
    ------
    SettingsError
        Where it is neither.
    """
    if text == "all":
        return None
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"--max-prompts {text!r}: expected a whole number from 1, or all.")
    return int(text)


def finished_run(data: Path, dataset: str, split: Split) -> RunFolder:
    """The folder of a finished run.

    Raises
    ------
    SettingsError
        Where there is none.
    """
    folder = RunFolder.of(data, dataset, split)
    if not folder.path("manifest.json").exists():
        command = f"recaudience reproduce {dataset}" + (f" --split {split}" if split != DEFAULT_SPLIT else "")
        raise SettingsError(f"{folder.root}: no finished run there. Make one with: {command}")
    return folder
