"""The commands `recaudience datasets ...`: list the profiles, fetch their files, add and check tables of one's own."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.commands.terminal import DataOption, DatasetArgument, console
from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT, RunFolder, Split
from storage.settings.datasets import DatasetSettings

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
    to: Annotated[Path | None, typer.Option(help="Target folder; else sources/NAME in the data folder.")] = None,
    data: DataOption = Path("data"),
) -> None:
    """Fetch a dataset's files from its publisher, or say where to get them.

    A fetch that was stopped goes on where it stopped; files that are there already are checked and left alone.
    """
    from flows.commands.fetching import fetch_and_print, print_next, print_visit
    from storage.settings.datasets import load_dataset_settings, own_profiles
    from storage.settings.fetch import ByHand

    dataset = load_dataset_settings(name, own_profiles(data))
    folder = to or data / "sources" / name
    if dataset.fetch is None:
        raise SettingsError(f"dataset {name!r} has nothing to fetch: {_why_nothing(dataset)}")
    if isinstance(dataset.fetch, ByHand):
        if not print_visit(console, dataset, dataset.fetch, folder):
            print_next(console, "4. Run ", name, folder)
            raise typer.Exit(1)
    else:
        fetch_and_print(console, dataset.fetch.files, folder)
    print_next(console, "Next: ", name, folder)


@datasets_app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="Name of the new dataset: small letters, digits and hyphens.")],
    *,
    interactions: Annotated[Path, typer.Option(help="One rating a row: CSV, TSV, JSON lines or Parquet, or .gz.")],
    items: Annotated[Path | None, typer.Option(help="One item a row: its id, its name, anything else.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Which column is what: `user_id=member`.", metavar="ROLE=NAME"),
    ] = None,
    item_columns: Annotated[
        list[str] | None, typer.Option("--item-column", help="The same for items: `name=title`.", metavar="ROLE=NAME")
    ] = None,
    attributes: Annotated[
        list[str] | None, typer.Option("--attribute", help="An items column to tell as an attribute; repeatable.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Between fields, where it is not found.")] = None,
    list_form: Annotated[str | None, typer.Option(help="Between several categories: | ; , or json.")] = None,
    time_unit: Annotated[str | None, typer.Option(help="What timestamps count: s, ms, us, ns or iso.")] = None,
    like: Annotated[float | None, typer.Option(help="Ratings from here on are likes.")] = None,
    scale: Annotated[str | None, typer.Option(help="Lowest and highest rating, as in 1:5.", metavar="LOW:HIGH")] = None,
    noun: Annotated[str | None, typer.Option(help="What one item is, in prompts: film, album, place.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a profile of the same name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what was understood and write nothing.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Make a dataset of tables of your own: shows what it understood of them and writes the profile."""
    from flows.commands.dataset_text import print_understanding
    from storage.adapters.table.own_tables import understand, write_profile
    from storage.settings.datasets import list_dataset_profiles, own_profiles

    own = own_profiles(data)
    known = {profile.name: profile for profile in list_dataset_profiles(own)}
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise SettingsError(f"{name!r}: a dataset's name has small letters, digits and hyphens, as in my-shop.")
    if name in known and not force and not dry_run:
        raise SettingsError(f"there is a dataset {name!r} already. Choose another name, or write over it with --force.")
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
    }
    said = {"like_threshold": like, "noun": noun} | _scale(scale)
    understood = understand(name, table, {key: value for key, value in said.items() if value is not None})
    print_understanding(console, understood)
    if dry_run:
        return
    console.print(f"Written: {escape(str(write_profile(own, understood.settings)))}")
    console.print(f"Next: recaudience datasets check {name}, then recaudience reproduce {name}")


@datasets_app.command("check")
def check_command(
    name: DatasetArgument,
    *,
    source: Annotated[str | None, typer.Option(help="Folder or file with the publisher's files.")] = None,
    split: Annotated[
        Split, typer.Option(help="How interactions are split in train, validation and test.")
    ] = DEFAULT_SPLIT,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting, as in `--set dataset.core=off`; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Read a dataset, run nothing, and say what is in it, what would be dropped and what looks wrong."""
    from flows.commands.dataset_text import print_account
    from flows.settings import Settings, parse_overrides
    from tasks.report.dataset_account import account_for

    settings = Settings.load(name, source, "embedded", split, parse_overrides(assignments or []), data=data)
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=data) as scratch:
        account = account_for(settings.ingest, Path(scratch))
    if as_json:
        console.print_json(data=account.model_dump(mode="json"))
    else:
        print_account(console, name, account)


def _why_nothing(dataset: DatasetSettings) -> str:
    if dataset.adapter == "sample":
        return f"it is generated. Run: recaudience reproduce {dataset.name}"
    return f"its profile names no address. {dataset.origin}".strip()


def _assignments(option: str, pairs: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or []:
        role, equals, column = pair.partition("=")
        if not equals:
            raise SettingsError(f"{option} {pair!r} is not of the form ROLE=NAME, as in user_id=member.")
        found[role.strip()] = column.strip()
    return found


def _scale(text: str | None) -> dict[str, float]:
    if text is None:
        return {}
    try:
        lowest, highest = (float(part) for part in text.split(":"))
    except ValueError:
        raise SettingsError(f"--scale {text!r} is not of the form LOW:HIGH, as in 1:5.") from None
    return {"rating_min": lowest, "rating_max": highest}


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
