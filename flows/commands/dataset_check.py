"""`recaudience datasets check`: read a dataset, run nothing, and say what is in it and what looks wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from flows.commands.terminal import (
    AssignmentsOption,
    DataOption,
    DatasetArgument,
    JsonOption,
    SourceOption,
    SplitOption,
    console,
)
from storage.run_folder import DEFAULT_SPLIT

if TYPE_CHECKING:
    from tasks.report.dataset_account import DatasetAccount

_BAR = 32
_COUNTS = (
    ("rows read", "rows_read"),
    ("malformed rows skipped", "rows_skipped"),
    ("repeated pairs dropped", "repeated_pairs"),
    ("users dropped, too few ratings", "users_dropped"),
    ("their interactions", "interactions_dropped"),
    ("items dropped, too few ratings", "items_dropped"),
    ("items without metadata", "items_without_metadata"),
)


def check_command(
    name: DatasetArgument,
    *,
    source: SourceOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    assignments: AssignmentsOption = None,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Read a dataset without running any step; print what is in it, what would be dropped and what looks wrong."""
    from flows.settings import Settings, parse_overrides
    from tasks.report.dataset_account import account_for

    settings = Settings.load(name, source, "embedded", split, parse_overrides(assignments or []), data=data)
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=data) as scratch:
        account = account_for(settings.ingest, Path(scratch))
    if as_json:
        console.print_json(data=account.model_dump(mode="json"))
    else:
        _print_account(name, account)


def _print_account(name: str, account: DatasetAccount) -> None:
    """Print counts, histograms, what was dropped and why, and warnings."""
    summary = account.summary
    console.print(f"[bold]{escape(name)}[/bold]: {escape(str(summary['version']))}")
    counts = Table(box=None, show_header=False)
    counts.add_column(justify="right")
    counts.add_column()
    for label in ("users", "items", "interactions"):
        counts.add_row(f"{summary[label]:,}", label)
    counts.add_row(f"{float(str(summary['like_rate'])):.1%}", "likes")
    counts.add_row(f"{account.density:.3%}", "of all pairs of user and item are rated")
    counts.add_row(f"{account.with_review:.0%}", "with a review")
    counts.add_row(account.first or "-", "first" if account.first else "no timestamps")
    if account.last:
        counts.add_row(account.last, "last")
    for label, key in _COUNTS:
        if key == "rows_read" or summary[key]:
            counts.add_row(f"{summary[key]:,}", label)
    left_out, splits = summary["rows_left_out"], summary["splits"]
    if isinstance(left_out, dict):
        for why, rows in left_out.items():
            counts.add_row(f"{rows:,}", f"left out: {why}")
    if isinstance(splits, dict):
        for split, part in splits.items():
            if isinstance(part, dict):
                rate = f", {float(str(part['like_rate'])):.1%} likes" if part["like_rate"] is not None else ""
                counts.add_row(f"{part['interactions']:,}", f"{split}{rate}")
    console.print(counts)
    _print_histogram("ratings", [(f"{rating:g}", count) for rating, count in account.ratings])
    lengths = [(f"{edge}+", count) for edge, count in account.histories]
    _print_histogram("users by number of ratings", lengths)
    for row in account.skipped:
        console.print(
            f"skipped {escape(str(row['file']))}, row {row['row']}: {row['field']}: {escape(str(row['reason']))}"
        )
    for warning in account.warnings:
        console.print(f"[yellow]warning[/yellow] {escape(warning)}")
    if not account.warnings:
        console.print("[green]Nothing looks wrong.[/green]")


def _print_histogram(title: str, rows: Sequence[tuple[str, int]]) -> None:
    most = max((count for _, count in rows), default=0)
    if most == 0:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(justify="right")
    for label, count in rows:
        table.add_row(label, "█" * max(round(_BAR * count / most), int(count > 0)), f"{count:,}")
    console.print(table)
