"""`recaudience explain`: why a simulated user would like an item or not, for one pair or for many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.terminal import DataOption, DatasetArgument, console, finished_run
from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT, Split


def explain_command(
    dataset: DatasetArgument,
    *,
    user: Annotated[str | None, typer.Option(help="The user's id in the dataset.")] = None,
    item: Annotated[str | None, typer.Option(help="The item's id in the dataset.")] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="Instead: explain so many random pairs, as a table.")] = None,
    pairs_from: Annotated[
        Path | None,
        typer.Option(help="Instead: explain the pairs of a CSV or Parquet file with columns user_id and item_id."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random pairs, and of the coins of ties.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The table; report/explanations.parquet where not given.")
    ] = None,
    split: Annotated[Split, typer.Option(help="How interactions are split in train, validation and test.")] = (
        DEFAULT_SPLIT
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Explain how a simulated user reacts to an item: votes, reasons, what would turn the answer, probabilities.

    Many pairs, random ones or those of a file, are written as a typed table, and it is checked that leaving out the
    reasons that an explanation names moves the probability as it says.
    """
    from flows.commands.explanation_text import print_explanation, print_faithfulness
    from tasks.audience.explanation_table import explain_pairs_from, explain_random_pairs
    from tasks.audience.explanations import explain_pair

    one = None if user is None or item is None else (user, item)
    if (one is not None) + (pairs is not None) + (pairs_from is not None) != 1 or (one is None and (user or item)):
        raise SettingsError(
            "explain: name a --user and an --item, or a number of random --pairs, or a file by --pairs-from."
        )
    folder = finished_run(data, dataset, split)
    if one is not None:
        explanation = explain_pair(folder, *one, seed)
        if as_json:
            console.print_json(data=explanation.to_json())
        else:
            print_explanation(console, explanation)
        return
    path = output or folder.path("report/explanations.parquet")
    if pairs_from is not None:
        table = explain_pairs_from(folder, pairs_from, seed, path)
    else:
        table = explain_random_pairs(folder, pairs or 1, seed, path)
    print_faithfulness(console, table, path)
