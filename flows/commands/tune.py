"""`recaudience tune`: the settings of SASRec that suit a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.commands.display import run_display
from flows.commands.terminal import (
    AssignmentsOption,
    DataOption,
    DatasetArgument,
    JsonOption,
    SourceOption,
    SplitOption,
    VerboseOption,
    console,
)
from flows.prefect_environment import configure_prefect
from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT, RunFolder

if TYPE_CHECKING:
    from models.response.sasrec.tuning import Value


def tune_command(
    dataset: DatasetArgument = "sample",
    *,
    source: SourceOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    tries: Annotated[
        list[str] | None,
        typer.Option("--try", help="Values of one setting instead of the usual ones; repeatable.", metavar="NAME=V,V"),
    ] = None,
    assignments: AssignmentsOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Tune SASRec on a dataset's validation pairs, one setting after another, and print settings for its profile.

    A value is kept where the interval of its gain in AUC lies above zero. Earlier trials are not repeated.
    """
    configure_prefect(data)
    from flows.settings import Settings, parse_overrides
    from models.response.sasrec.tuning import SASREC_GRID
    from tasks.steps.ingest import source_files

    overrides = parse_overrides(assignments or [])
    grid = dict(map(_values, tries)) if tries else {name: list(values) for name, values in SASREC_GRID.items()}
    source_files(Settings.load(dataset, source, "embedded", split, overrides, data=data).ingest)
    for name, values in grid.items():
        for value in values:  # misspelt or out of range: reported at once, not after Prefect has started
            Settings.load(dataset, source, "embedded", split, overrides | {f"sasrec.{name}": value}, data=data)

    from flows.tune import tune
    from tasks.steps.tune_sasrec import REPORT

    with run_display(data, verbose=verbose):
        tuned = tune(grid, dataset, source=source, split=split, overrides=overrides, data=str(data))
    path = RunFolder.of(data, dataset, split).path(REPORT)
    if as_json:
        console.print_json(data=json.loads(path.read_text(encoding="utf-8")))
        return
    table = Table(title=f"SASRec on {dataset}", title_justify="left", box=None, header_style="bold")
    for name in ("setting", "validation AUC", "gain", "95 %", ""):
        table.add_column(name, justify="left" if name == "setting" else "right")
    for trial in tuned.trials:
        low, high = trial.gain_ci95
        own = (f"{trial.gain:+.4f}", f"{low:+.4f} to {high:+.4f}", "kept" if trial.kept else "")
        row = (f"{trial.setting}: {trial.value}", *own) if trial.setting else ("as they are", "", "", "")
        table.add_row(row[0], f"{trial.auc:.4f}", *row[1:])
    console.print(table, "")
    if tuned.changes:
        console.print("In the dataset's profile:", highlight=False)
        import yaml

        console.print(yaml.safe_dump({"sasrec": dict(tuned.changes)}, sort_keys=False), highlight=False)
    else:
        console.print("Nothing to change: no value is better by more than chance.", highlight=False)
    console.print(f"Trials: {path}", highlight=False)


def _values(text: str) -> tuple[str, list[Value]]:
    """`dropout=0.1,0.5` as a name and values, which are read as YAML."""
    import yaml

    name, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise SettingsError(f"--try {text!r} is not of the form NAME=VALUE,VALUE, as in dropout=0.1,0.5.")
    try:
        return name.strip(), yaml.safe_load(f"[{values}]")
    except yaml.YAMLError as error:
        raise SettingsError(f"--try {text!r}: the values are not valid YAML: {error}") from error
