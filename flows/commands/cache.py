"""`recaudience cache`: counts of the stored answers of language models, and removal of those no longer needed."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from flows.commands.terminal import DataOption, console
from storage.errors import SettingsError

cache_app = typer.Typer(help="The completion cache: every answer of a language model.", no_args_is_help=True)

_UNKNOWN = "unknown"
_DAY_SECONDS = 86_400.0
_YOUNG_DAYS = 1.0


@cache_app.command("stats")
def stats(data: DataOption = Path("data")) -> None:
    """Count the stored answers by model and by the runs that use them."""
    from storage.completion_upkeep import answers_by_model, answers_by_run, run_folders, used_prompts
    from storage.completions import CompletionStore

    path = _cache(data)
    annotated = [folder for folder in run_folders(data) if folder.path("annotations.parquet").is_file()]
    with CompletionStore(path) as store:
        models = answers_by_model(store)
        runs = answers_by_run(store, {folder.root.name: used_prompts(folder) for folder in annotated})
    table = Table(
        "model", "answers", "size", "prompt tokens", "output tokens", "oldest", "newest", box=None, header_style="bold"
    )
    for row in models:
        numbers = (f"{row.answers:,}", decimal(row.bytes), f"{row.prompt_tokens:,}", f"{row.output_tokens:,}")
        table.add_row(row.model or _UNKNOWN, *numbers, _date(row.oldest), _date(row.newest))
    console.print(table, "")
    table = Table("run", "answers used", "size", box=None, header_style="bold")
    for row in runs:
        table.add_row(row.run, f"{row.answers:,}", decimal(row.bytes))
    console.print(table, "")
    total = sum(row.answers for row in models)
    console.print(f"{path}: {total:,} answers, {decimal(path.stat().st_size)} on disk", soft_wrap=True)


@cache_app.command("prune")
def prune_command(
    *,
    model: Annotated[str | None, typer.Option(help=f"Answers of this model; `{_UNKNOWN}` where none is noted.")] = None,
    older_than: Annotated[float | None, typer.Option(help="Answers stored more than so many days ago.", min=0)] = None,
    unused: Annotated[
        bool,
        typer.Option("--unused", help=f"Answers that no run uses, {_YOUNG_DAYS:g} day old where no age is given."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be removed.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Remove stored answers that meet all the given criteria. A run that needs one again requests it again."""
    from storage.completion_upkeep import Unneeded, prune, run_folders, used_prompts
    from storage.completions import CompletionStore
    from storage.locks import exclusive

    if model is None and older_than is None and not unused:
        raise SettingsError(
            "prune: no criterion is given. Say which answers to remove: --model, --older-than or --unused."
        )
    days = _YOUNG_DAYS if unused and older_than is None else older_than  # a run keeps its answers here until it ends
    path = _cache(data)
    with ExitStack() as held, CompletionStore(path) as store:
        used = None
        if unused:
            folders = run_folders(data)
            for folder in folders:  # no run that is working, or begins now, loses what it is about to use
                held.enter_context(exclusive(folder))
            used = frozenset().union(*(used_prompts(folder) for folder in folders))
        unneeded = Unneeded(
            model="" if model == _UNKNOWN else model,
            before=None if days is None else time.time() - days * _DAY_SECONDS,
            unused_by=used,
        )
        count, size = prune(store, unneeded, dry_run=dry_run)
        compacted = dry_run or not count or store.compact()
    what = "would be removed" if dry_run else "removed"
    later = "" if compacted else "; the file shrinks with the next prune, since another process is using it"
    console.print(f"{path}: {count:,} answers ({decimal(size)}) {what}{later}", soft_wrap=True)


def _cache(data: Path) -> Path:
    path = data / "completions.sqlite"
    if not path.is_file():
        raise SettingsError(
            f"{path}: no completion cache there. The first run makes one; --data names the data folder."
        )
    return path


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
