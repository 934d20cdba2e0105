"""`recaudience datasets add`: a profile for tables of one's own, with what was inferred from the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.commands.dataset_preview import show_preview
from flows.commands.terminal import DataOption, console
from storage.errors import DataError, SettingsError

if TYPE_CHECKING:
    from storage.adapters.table.own_tables import InferredTable


_PREVIEWED = 3  # rows


def add_command(
    name: Annotated[str, typer.Argument(help="Name of the new dataset: small letters, digits and hyphens.")],
    *,
    interactions: Annotated[Path, typer.Option(help="One rating a row: CSV, TSV, JSON lines or Parquet, or .gz.")],
    items: Annotated[Path | None, typer.Option(help="One item a row: its id, its name, further columns.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Which column is what: `user_id=member`.", metavar="ROLE=NAME"),
    ] = None,
    item_columns: Annotated[
        list[str] | None, typer.Option("--item-column", help="The same for items: `name=title`.", metavar="ROLE=NAME")
    ] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--attribute", help="A column of items to use as an attribute; repeatable.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Between fields; guessed where not given.")] = None,
    list_form: Annotated[str | None, typer.Option(help="Between several categories in a cell: | ; , or json.")] = None,
    time_unit: Annotated[str | None, typer.Option(help="What timestamps count: s, ms, us, ns or iso.")] = None,
    unrated: Annotated[
        float | None, typer.Option(help="The rating that stands for none; its rows are left out.")
    ] = None,
    like: Annotated[float | None, typer.Option(help="Ratings from here on are likes.")] = None,
    scale: Annotated[str | None, typer.Option(help="Lowest and highest rating, as in 1:5.", metavar="LOW:HIGH")] = None,
    noun: Annotated[str | None, typer.Option(help="What one item is, in prompts: film, album, place.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a profile of the same name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what was inferred and write nothing.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Make a dataset of tables of your own: infer their layout, show it and write the profile."""
    from storage.adapters.table.own_tables import infer_table, write_profile
    from storage.settings.datasets import list_dataset_profiles, own_profiles

    own = own_profiles(data)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise SettingsError(f"{name!r}: expected a dataset's name of small letters, digits and hyphens, as in my-shop.")
    if not (force or dry_run) and name in {profile.name for profile in list_dataset_profiles(own)}:
        raise SettingsError(f"there is a dataset {name!r} already. Choose another name, or overwrite it with --force.")
    table = {
        "interactions": str(interactions),
        "items": None if items is None else str(items),
        "columns": _assignments("--column", columns),
        "item_columns": _assignments("--item-column", item_columns)
        | ({"attributes": attributes} if attributes else {}),
        "separator": separator,
        "item_separator": separator,
        "list_form": list_form,
        "time_unit": time_unit,
        "unrated": unrated,
    }
    given = {"like_threshold": like, "noun": noun} | _scale(scale)
    inferred = infer_table(name, table, {key: value for key, value in given.items() if value is not None})
    _print_inferred(inferred)
    if dry_run:
        return
    console.print(f"Written: {escape(str(write_profile(own, inferred.settings)))}")
    try:
        show_preview(name, _PREVIEWED, data=data)
    except DataError as error:  # the profile can be mended
        console.print(f"[yellow]warning[/yellow] {escape(str(error))}", highlight=False, soft_wrap=True)
    console.print(f"Next: recaudience datasets check {name}, then recaudience reproduce {name}")


def _print_inferred(inferred: InferredTable) -> None:
    """Print the role of each column, the rating scale, and what was left out."""
    settings, layout, suggested = inferred.settings, inferred.layout, inferred.suggested
    table = Table("what", "understood as", box=None, header_style="bold", title_justify="left")
    table.add_row("interactions", escape(str(settings.table.interactions)))
    for role, column in layout.columns.model_dump().items():
        unit = f" (in {layout.time_unit})" if role == "timestamp" and column else ""
        table.add_row(f"  {role}", f"column {escape(column)}{unit}" if column else "-")
    no_items = "none: items will have no more than their ids"
    table.add_row("items", escape(settings.table.items) if settings.table.items else no_items)
    if layout.item_columns is not None:
        for role, column in layout.item_columns.model_dump(exclude={"attributes"}).items():
            form = f" (several, separated by {layout.list_form})" if role == "categories" and column else ""
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


def _assignments(option: str, pairs: list[str] | None) -> dict[str, str]:
    """`["user_id=member"]` as `{"user_id": "member"}`."""
    columns = {}
    for pair in pairs or []:
        role, equals, column = pair.partition("=")
        if not equals:
            raise SettingsError(f"{option} {pair!r} is not of the form ROLE=NAME, as in user_id=member.")
        columns[role.strip()] = column.strip()
    return columns


def _scale(text: str | None) -> dict[str, float]:
    """`1:5` as the settings of a rating scale; nothing where no text is given."""
    if text is None:
        return {}
    try:
        lowest, highest = (float(part) for part in text.split(":"))
    except ValueError:
        raise SettingsError(f"--scale {text!r} is not of the form LOW:HIGH, as in 1:5.") from None
    return {"rating_min": lowest, "rating_max": highest}
