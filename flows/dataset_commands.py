"""The commands `usersim datasets ...`: list the profiles and fetch their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flows.terminal import DataOption, DatasetArgument, console
from storage.run_folder import RunFolder

datasets_app = typer.Typer(help="The datasets that can be run; lists them where no command is given.")


@datasets_app.callback(invoke_without_command=True)
def datasets_command(context: typer.Context, data: DataOption = Path("data")) -> None:
    """List the datasets that can be run, or see to one with a command below."""
    if context.invoked_subcommand is None:
        _print_profiles(data)


@datasets_app.command("fetch")
def fetch_command(
    name: DatasetArgument,
    *,
    to: Annotated[Path | None, typer.Option(help="Target folder; where not given, sources/NAME in the data folder.")] = None,
    data: DataOption = Path("data"),
) -> None:
    """Fetch a dataset's files from its publisher, or say where to get them.

    A fetch that was stopped goes on where it stopped; files that are there already are checked and left alone.
    """
    raise NotImplementedError


def _print_profiles(data: Path) -> None:
    from storage.datasets import list_dataset_profiles

    table = Table("dataset", "what it is", "reader", "like at", "run", box=None, header_style="bold")
    for profile in list_dataset_profiles():
        page = RunFolder.of(data, profile.name).path("report/index.html")
        table.add_row(
            profile.name,
            profile.description,
            profile.adapter,
            f"{profile.like_threshold:g} of {profile.rating_max:g}",
            str(page) if page.exists() else "-",
        )
    console.print(table)
