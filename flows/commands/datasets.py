"""`recaudience datasets`: list the profiles, fetch a publisher's files; `add`, `check` and `source` join them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from flows.commands.dataset_add import add_command
from flows.commands.dataset_check import check_command
from flows.commands.dataset_preview import preview_command
from flows.commands.dataset_source import source_command
from flows.commands.terminal import DataOption, DatasetArgument, console
from storage.errors import DataError, SettingsError
from storage.run_folder import RunFolder

if TYPE_CHECKING:
    from storage.downloads.downloads import Progress as Report
    from storage.settings.datasets import DatasetSettings
    from storage.settings.fetch import ByHand, RemoteFile

datasets_app = typer.Typer(help="The datasets that can be run; lists them where no command is given.")


@datasets_app.callback(invoke_without_command=True)
def datasets_command(context: typer.Context, data: DataOption = Path("data")) -> None:
    """List the datasets that can be run; the commands below fetch, add and check them."""
    if context.invoked_subcommand is None:
        _print_profiles(data)


@datasets_app.command("fetch")
def fetch_command(
    name: DatasetArgument,
    *,
    to: Annotated[Path | None, typer.Option(help="Target folder; else sources/NAME in the data folder.")] = None,
    data: DataOption = Path("data"),
) -> None:
    """Fetch a dataset's files from its publisher, or say where to get them.

    A fetch that was interrupted resumes; files that are already there are verified and left alone.
    """
    from storage.settings.datasets import load_dataset_settings, own_profiles
    from storage.settings.fetch import ByHand
    from storage.settings.presets import split_preset

    name, _ = split_preset(name)
    dataset = load_dataset_settings(name, own_profiles(data))
    folder = to or data / "sources" / name
    if dataset.fetch is None:
        raise SettingsError(f"dataset {name!r} has nothing to fetch: {_why_nothing(dataset)}")
    if isinstance(dataset.fetch, ByHand):
        if not _print_visit(dataset, dataset.fetch, folder):
            _print_next("4. Run ", name, folder)
            raise typer.Exit(1)
    else:
        _fetch(dataset.fetch.files, folder)
    _print_next("Next: ", name, folder)


datasets_app.command("add")(add_command)
datasets_app.command("check")(check_command)
datasets_app.command("preview")(preview_command)
datasets_app.command("source")(source_command)


def _why_nothing(dataset: DatasetSettings) -> str:
    if dataset.adapter == "sample":
        return f"it is generated. Run: recaudience reproduce {dataset.name}"
    return f"its profile names no address. {dataset.origin}".strip()


def _fetch(files: tuple[RemoteFile, ...], folder: Path) -> None:
    """Fetch files into a folder, with a bar on a terminal and a line for each file.

    Raises
    ------
    DownloadError
        Where a file cannot be fetched.
    """
    from storage.downloads.downloads import fetch_files

    with _bars() as progress:
        for file in fetch_files(files, folder, progress):
            done = "fetched" if file.is_new else "is there already"
            text = f"{file.path.name}: {done}, {decimal(file.size)}, {file.check}"
            console.print(escape(text), highlight=False, soft_wrap=True)


def _print_visit(dataset: DatasetSettings, by_hand: ByHand, folder: Path) -> bool:
    """Say where to get files that an account or a click is needed for; returns whether all of them are there."""
    from tasks.steps.ingest import IngestSettings, source_files

    try:
        source_files(IngestSettings(dataset=dataset, source=str(folder)))
    except DataError:
        lines = (
            f"{dataset.name}: the publisher gives these files only to people who sign in or accept its terms.",
            f"1. Visit {by_hand.visit}",
            f"2. Get {' and '.join(by_hand.files)}, plain or packed",
            f"3. Put them in {folder}",
        )
        console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)
        return False
    console.print(escape(f"{dataset.name}: its files are in {folder}"), highlight=False, soft_wrap=True)
    return True


def _print_next(label: str, dataset: str, folder: Path) -> None:
    """Print the command that uses the files."""
    command = f"{label}recaudience reproduce {dataset} --source {shlex.quote(str(folder))}"
    console.print(escape(command), highlight=False, soft_wrap=True)


@contextmanager
def _bars() -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    # On the console that lines are printed to: it keeps the two apart.
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, size: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(escape(name), total=size, completed=done)
            bars.update(tasks[name], completed=done, total=size)

        yield show


def _print_profiles(data: Path) -> None:
    from storage.settings.datasets import list_dataset_profiles, own_profiles

    table = Table("dataset", "what it is", "reader", "like at", "run", box=None, header_style="bold")
    for profile in list_dataset_profiles(own_profiles(data)):
        page = RunFolder.of(data, profile.name).path("report/index.html")
        table.add_row(
            profile.name,
            profile.description,
            profile.adapter,
            f"{profile.like_threshold:g} of {profile.rating_max:g}",
            str(page) if page.exists() else "-",
        )
    console.print(table)
