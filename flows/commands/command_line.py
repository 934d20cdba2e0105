"""The command line: `recaudience`."""

from __future__ import annotations

import errno
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from flows.commands.annotate import annotate_app
from flows.commands.cache import cache_app
from flows.commands.datasets import datasets_app
from flows.commands.evaluate import evaluate_command
from flows.commands.explain import explain_command
from flows.commands.llm import llm_app
from flows.commands.policies import cross_check_command, export_command, recommend_command, simulate_command
from flows.commands.reproduce import print_report, reproduce_command, rerun_command
from flows.commands.serve import serve_command
from flows.commands.terminal import (
    DataOption,
    DatasetArgument,
    SplitOption,
    console,
    finished_run,
)
from flows.commands.tune import tune_command
from storage.errors import RecaudienceError
from storage.run_folder import DEFAULT_SPLIT

app = typer.Typer(
    name="recaudience",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def app_command(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    """A test audience for recommender systems: simulated users, made from ratings and a large language model."""
    if show_version:
        console.print(f"recaudience {version('recaudience')}", highlight=False)
        raise typer.Exit


app.add_typer(llm_app, name="llm")
app.add_typer(datasets_app, name="datasets")
app.add_typer(annotate_app, name="annotate")
app.add_typer(cache_app, name="cache")
app.command("recommend")(recommend_command)
app.command("simulate")(simulate_command)
app.command("export")(export_command)
app.command("cross-check")(cross_check_command)
app.command("evaluate")(evaluate_command)
app.command("explain")(explain_command)
app.command("tune")(tune_command)
app.command("reproduce")(reproduce_command)
app.command("rerun")(rerun_command)
app.command("serve")(serve_command)


@app.command("report")
def report_command(
    dataset: DatasetArgument, split: SplitOption = DEFAULT_SPLIT, data: DataOption = Path("data")
) -> None:
    """Print the tables of a finished run and the path of its report page."""
    print_report(finished_run(data, dataset, split))


def main() -> None:
    """Run the command line; an expected error is shown as one message, with exit status 1."""
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except RecaudienceError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(f"{error}. Earlier results are whole. Free some space, or choose another --data folder, and run again.")


def _end(number: int, frame: object) -> NoReturn:
    """End as after an error, so that whatever was started is stopped; a plain SIGTERM would leave it behind."""
    sys.exit(128 + number)


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print("[bold red]error:[/]", escape(message), highlight=False, soft_wrap=True)
    sys.exit(1)
