"""Datasets as text for the terminal: what a table was understood to be, and the account of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from storage.adapters.table.own_tables import Understanding
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


def print_understanding(console: Console, understood: Understanding) -> None:
    """Which column is what, the scale, and what was left out."""
    settings, layout, suggested = understood.settings, understood.layout, understood.suggested
    table = Table("what", "understood as", box=None, header_style="bold", title_justify="left")
    table.add_row("interactions", escape(str(settings.table.interactions)))
    for role, column in layout.columns.model_dump().items():
        unit = f" (in {layout.time_unit})" if role == "timestamp" and column else ""
        table.add_row(f"  {role}", f"column {escape(column)}{unit}" if column else "-")
    no_items = "none: items will be known by their ids alone"
    table.add_row("items", escape(settings.table.items) if settings.table.items else no_items)
    if layout.item_columns is not None:
        for role, column in layout.item_columns.model_dump(exclude={"attributes"}).items():
            form = f" (several apart by {layout.list_form})" if role == "categories" and column else ""
            table.add_row(f"  {role}", f"column {escape(column)}{escape(form)}" if column else "-")
        table.add_row("  attributes", escape(", ".join(layout.item_columns.attributes or ())) or "-")
    if layout.aggregates:
        names = escape(", ".join(layout.aggregates))
        table.add_row("  left out", f"{names}: sums over users would know the held-out ratings")
    if settings.table.unrated is not None:
        table.add_row("no rating", f"{settings.table.unrated:g}: rows with it are left out")
    table.add_row("rating scale", f"{settings.rating_min:g} to {settings.rating_max:g}")
    share = f", {suggested.like_rate:.1%} of all" if settings.like_threshold == suggested.like_threshold else ""
    table.add_row("like", f">= {settings.like_threshold:g}{share}")
    console.print(table)


def print_account(console: Console, name: str, account: DatasetAccount) -> None:
    """Counts, histograms, what was dropped and why, warnings."""
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
    _histogram(console, "ratings", [(f"{rating:g}", count) for rating, count in account.ratings])
    lengths = [(f"{edge}+", count) for edge, count in account.histories]
    _histogram(console, "users by number of ratings", lengths)
    for row in account.skipped:
        console.print(
            f"skipped {escape(str(row['file']))}, row {row['row']}: {row['field']}: {escape(str(row['reason']))}"
        )
    for warning in account.warnings:
        console.print(f"[yellow]warning[/yellow] {escape(warning)}")
    if not account.warnings:
        console.print("[green]Nothing looks wrong.[/green]")


def _histogram(console: Console, title: str, rows: Sequence[tuple[str, int]]) -> None:
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
