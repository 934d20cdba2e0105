"""`recaudience explain`: why a simulated user would like an item or not, for one pair or for many."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.commands.terminal import DataOption, DatasetArgument, JsonOption, SplitOption, console, finished_run
from storage.errors import SettingsError
from storage.run_folder import DEFAULT_SPLIT

if TYPE_CHECKING:
    import polars as pl

    from models.explanation.explanation import Explanation
    from models.explanation.votes import Neighbour, SharedKeyword


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
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random pairs and of ties.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The table; report/explanations.parquet where not given.")
    ] = None,
    split: SplitOption = DEFAULT_SPLIT,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Explain how a simulated user reacts to an item: votes, reasons, what would change the answer, probabilities.

    Many pairs, random ones or those of a file, are written as a typed table. For each it is checked that removing the
    reasons that an explanation names changes the probability as stated.
    """
    from tasks.audience.audience import load
    from tasks.audience.explanations import explain_pairs_from, explain_random_pairs

    one = None if user is None or item is None else (user, item)
    if (one is not None) + (pairs is not None) + (pairs_from is not None) != 1 or (one is None and (user or item)):
        raise SettingsError(
            "explain: name a --user and an --item, or a number of random --pairs, or a file by --pairs-from."
        )
    folder = finished_run(data, dataset, split)
    if one is not None:
        explanation = load(folder.root).explain(*one, seed=seed)
        if as_json:
            console.print_json(data=explanation.to_json())
        else:
            _print_explanation(explanation)
        return
    path = output or folder.path("report/explanations.parquet")
    if pairs_from is not None:
        table = explain_pairs_from(folder, pairs_from, seed, path)
    else:
        table = explain_random_pairs(folder, pairs or 1, seed, path)
    _print_faithfulness(table, path)


def _print_explanation(explanation: Explanation) -> None:
    """Print the sentence, then each vote with what it rests on."""
    console.print(escape(explanation.sentence()), highlight=False)
    console.print(escape(explanation.why()), highlight=False)
    keywords, similarity, sasrec = explanation.keyword_matching, explanation.similarity, explanation.sasrec
    table = Table(
        "model", "vote", "for", "against", box=None, header_style="bold", pad_edge=False, padding=(1, 2, 0, 0)
    )
    table.add_row(
        "keyword matching",
        _vote(keywords.vote, by_coin=keywords.by_coin),
        f"{keywords.positive:g} shared with liked items{_keywords(keywords.pros)}",
        f"{keywords.negative:g} shared with disliked items{_keywords(keywords.cons)}",
    )
    table.add_row(
        "similarity",
        _vote(similarity.vote, by_coin=similarity.by_coin),
        f"{similarity.positive:.3f}{_neighbours('nearest liked', similarity.nearest_liked)}",
        f"{similarity.negative:.3f}{_neighbours('nearest disliked', similarity.nearest_disliked)}",
    )
    table.add_row("SASRec", _vote(sasrec.vote), f"P(like) {sasrec.probability:.3f}, logit {sasrec.logit:+.2f}", "")
    table.add_row(
        "[bold]reaction[/]",
        f"[bold]{'like' if explanation.like else 'no like'}[/]",
        f"calibrated P(like) {explanation.probability:.3f}",
        f"confidence {explanation.confidence:.3f}",
    )
    console.print(table)
    scope = f"of {_listed(explanation.categories)}" if explanation.categories else "whole history"
    console.print(
        f"\n[dim]Compared with {explanation.compared_size} of {explanation.history_size} remembered interactions "
        f"({escape(scope)}).[/]",
        highlight=False,
    )


def _print_faithfulness(table: pl.DataFrame, path: Path) -> None:
    """Print how often the reasons of many explanations held, and where the table is."""
    named = table["faithful"].drop_nulls()
    turned, by_reactions, by_keywords = (
        table[column].is_not_null()
        for column in ("turned_without", "vote_turned_without", "vote_turned_without_keywords")
    )
    console.print(
        f"{table.height} pairs explained, {len(named)} of them with named reasons "
        f"({(table['keyword_reasons'].list.len() > 0).sum()} with keywords); leaving these out moved P(like) as said "
        f"in {named.sum() / max(1, len(named)):.1%}. Past reactions that turn P(like) were found for "
        f"{turned.mean():.1%}; for {(by_reactions | by_keywords).mean():.1%} the vote is turned, by past reactions "
        f"({by_reactions.mean():.1%}) or by keywords ({by_keywords.mean():.1%}).",
        highlight=False,
    )
    console.print(f"Explanations: {path}", highlight=False)


def _vote(vote: int, *, by_coin: bool = False) -> str:
    return f"{'[green]like[/]' if vote else '[red]no[/]'}{' (coin)' if by_coin else ''}"


def _keywords(shared: Iterable[SharedKeyword]) -> str:
    return "".join(
        f"\n  {escape(match.keyword)}: {escape(_listed(item.name for item in match.items))}"
        + (f"\n    [dim]“{escape(match.evidence)}”[/]" if match.evidence not in ("", match.keyword) else "")
        for match in shared
    )


def _neighbours(title: str, neighbours: tuple[Neighbour, ...]) -> str:
    if not neighbours:
        return "\n  nothing to compare"
    return f"\n  {title}:" + "".join(f"\n  {n.cosine:.3f} {escape(n.name)}" for n in neighbours)


def _listed(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
