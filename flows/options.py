"""What the commands of `usersim` share: the console they print on and the options that most of them take."""

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
