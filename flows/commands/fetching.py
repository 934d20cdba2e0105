"""How `recaudience datasets fetch` reports: a bar while files come, a line for each, and what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
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

from storage.downloads import downloads
from storage.errors import DataError
from storage.settings.datasets import DatasetSettings
from storage.settings.fetch import ByHand, RemoteFile


def fetch_and_print(console: Console, files: tuple[RemoteFile, ...], folder: Path) -> None:
    """Fetch files into a folder, with a bar on a terminal and a line for each file.

    Raises
    ------
    DownloadError
        Where a file cannot be fetched.
    """
    with _bars(console) as progress:
        for file in downloads.fetch_files(files, folder, progress):
            done = "fetched" if file.is_new else "is there already"
            text = f"{file.path.name}: {done}, {decimal(file.size)}, {file.check}"
            console.print(escape(text), highlight=False, soft_wrap=True)


def print_visit(console: Console, dataset: DatasetSettings, by_hand: ByHand, folder: Path) -> bool:
    """Say where to get files that an account or a click is needed for; returns whether the reader finds them all."""
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


def print_next(console: Console, label: str, dataset: str, folder: Path) -> None:
    """The command that uses the files."""
    command = f"{label}recaudience reproduce {dataset} --source {shlex.quote(str(folder))}"
    console.print(escape(command), highlight=False, soft_wrap=True)


@contextmanager
def _bars(console: Console) -> Iterator[downloads.Progress]:
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
