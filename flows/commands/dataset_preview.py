"""`recaudience datasets preview`: the first rows of a dataset as they are understood, and which column feeds what."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.commands.terminal import AssignmentsOption, DataOption, DatasetArgument, JsonOption, SourceOption, console
from storage.run_folder import DEFAULT_SPLIT

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tasks.report.dataset_preview import DatasetPreview

_SHOWN = 60  # characters of a cell


def preview_command(
    name: DatasetArgument,
    *,
    rows: Annotated[int, typer.Option(min=0, help="How many interactions and items to show.")] = 5,
    source: SourceOption = None,
    assignments: AssignmentsOption = None,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Show the first interactions and items of a dataset as they are understood, and which column feeds what."""
    show_preview(name, rows, source=source, assignments=assignments, as_json=as_json, data=data)


def show_preview(
    name: str,
    rows: int,
    *,
    source: str | None = None,
    assignments: list[str] | None = None,
    as_json: bool = False,
    data: Path = Path("data"),
) -> None:
    """Read a dataset and print its preview."""
    from flows.settings import Settings, parse_overrides
    from tasks.report.dataset_preview import preview

    settings = Settings.load(name, source, "embedded", DEFAULT_SPLIT, parse_overrides(assignments or []), data=data)
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".preview-", dir=data) as workspace:
        shown = preview(settings.ingest, rows, Path(workspace))
    if as_json:
        console.print_json(data=shown.model_dump(mode="json"))
    else:
        _print_preview(shown)


def _print_preview(shown: DatasetPreview) -> None:
    console.print(f"{shown.rows:,} ratings; likes are ratings from {shown.like_threshold:g} on.")
    if shown.columns:
        uses = Table("column", "used as", box=None, header_style="bold")
        for column, use in shown.columns.items():
            uses.add_row(escape(column), use)
        console.print(uses)
    _print_rows("The first interactions", shown.interactions)
    _print_rows("The first items", shown.items)


def _print_rows(title: str, rows: Sequence[BaseModel]) -> None:
    if not rows:
        return
    table = Table(*rows[0].model_dump(), title=title, title_justify="left", box=None, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.model_dump().values()))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = "-" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
