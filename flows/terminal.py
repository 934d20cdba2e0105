"""What the commands share: the console that they write to, and options that several have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

# Tables in a log file are as wide as they need; on a terminal they fit it.
console = Console(width=None if sys.stdout.isatty() else 140)

DataOption = Annotated[
    Path, typer.Option("--data", help="The data folder, where runs are kept.", envvar="USERSIM_DATA")
]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset profile; `usersim datasets` lists them.")]
