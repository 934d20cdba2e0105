"""Explanations of many pairs of a finished run as a table, each checked by leaving out the reasons that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.explanation.attribution import Pairs
from models.explanation.explainer import explain_responses
from models.explanation.explanation import Explanation
from models.explanation.keyword_removal import OwnKeyword
from models.explanation.reasons import Reasons, moves_away, probability_without
from models.explanation.votes import KeywordRecord, KeywordVote, Neighbour
from models.interactions import Histories
from models.simulation.simulator import UserSimulator, coins
from storage.adapters.table.pair_files import read_pairs
from storage.columns import Columns
from storage.contracts import EXPLANATIONS, ITEMS, USERS, polars_schema
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.audience.audience import Audience, own_pairs
from tasks.loading import load_keyword_record, load_simulator

_PAIRS_AT_ONCE = 128


def explain_random_pairs(folder: RunFolder, n: int, seed: int, path: Path) -> pl.DataFrame:
    """Explain random pairs of a user and an item that the user did not rate in training, and publish the table.

    Parameters
    ----------
    folder
        A finished run.
    n
        Number of pairs.
    seed
        Chooses the pairs and throws the coins of ties.
    path
        Where the Parquet file goes.

    Returns
    -------
    The table. `faithful` says whether P(like) moved away from the answer when all named reasons, past reactions and
    keywords, were left out together; it is null where no reason is named.

    Raises
    ------
    DataError
        Where the run lacks a part.
    """
    simulator, rng = load_simulator(folder), np.random.default_rng(seed)
    return _explained(Audience(folder, simulator), random_pairs(simulator, n, rng), rng, path)


def explain_pairs_from(folder: RunFolder, pairs: Path, seed: int, path: Path) -> pl.DataFrame:
    """Explain the pairs of a file; parameters and result as in `explain_random_pairs`.

    An item that the user rated in training is judged by the user's other reactions.

    Raises
    ------
    DataError
        Where the run lacks a part, or the file is not one of pairs that the run knows.
    """
    users, items = (
        read_table(folder.path(f"{name}.parquet"), contract, [row, Columns.SOURCE])
        for name, contract, row in (("users", USERS, Columns.USER), ("items", ITEMS, Columns.ITEM))
    )
    chosen = read_pairs(pairs, users, items)
    rows = (chosen[Columns.USER].to_numpy(), chosen[Columns.ITEM].to_numpy())
    return _explained(Audience(folder, load_simulator(folder)), rows, np.random.default_rng(seed), path)


def random_pairs(
    simulator: UserSimulator, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and items (n,) each, drawn with equal chances among the pairs that training does not know."""
    train = simulator.interactions
    known = set((train.users * simulator.n_items + train.items).tolist())
    pairs: list[int] = []
    while len(pairs) < n:
        drawn = rng.integers(simulator.n_users * simulator.n_items, size=n).tolist()
        pairs += [pair for pair in drawn if pair not in known]
    users, items = np.divmod(np.array(pairs[:n], dtype=np.int64), simulator.n_items)
    return users, items


def _explained(
    audience: Audience, pairs: tuple[NDArray[np.int64], NDArray[np.int64]], rng: np.random.Generator, path: Path
) -> pl.DataFrame:
    users, items = pairs
    record = load_keyword_record(audience.folder, audience.knowledge, items)
    rows: list[dict[str, object]] = []
    for start in range(0, len(users), _PAIRS_AT_ONCE):
        chosen = slice(start, start + _PAIRS_AT_ONCE)
        rows += _rows(audience, record, own_pairs(audience.simulator, users[chosen], items[chosen]), rng)
    table = pl.DataFrame(rows, schema=_schema(without=(Columns.USER_SOURCE, Columns.ITEM_SOURCE))).with_columns(
        pl.Series(Columns.USER_SOURCE, audience.users.array[users], dtype=pl.String),
        pl.Series(Columns.ITEM_SOURCE, audience.items.array[items], dtype=pl.String),
    )
    write_table(path, table, EXPLANATIONS)
    return table.select(list(EXPLANATIONS.columns))


def _schema(without: Sequence[str]) -> pl.Schema:
    return pl.Schema({name: dtype for name, dtype in polars_schema(EXPLANATIONS).items() if name not in without})


def _rows(
    audience: Audience, record: KeywordRecord, pairs: Pairs, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    simulator = audience.simulator
    responses = simulator.respond(pairs.users, pairs.items, pairs.histories, coins(rng, len(pairs)))
    people = [f"User {user}" for user in audience.users.array[pairs.users]]
    explanations = explain_responses(simulator, pairs, responses, user_names=people, record=record)
    column = {keyword: place for place, keyword in enumerate(simulator.knowledge.keywords)}
    named = [_named(pairs.histories, row, explanation, column) for row, explanation in enumerate(explanations)]
    after = probability_without(simulator, pairs, named)
    moved = moves_away(responses.probability, after, responses.probability >= 0.5)
    for explanation, reasons, faithful in zip(explanations, named, moved.tolist(), strict=True):
        yield _row(explanation) | {Columns.FAITHFUL: faithful if any(reasons) else None}


def _row(explanation: Explanation) -> dict[str, object]:
    grounds, keywords, similarity = explanation.grounds, explanation.keyword_matching, explanation.similarity
    turned, vote = grounds.turned_without, grounds.vote
    return {
        Columns.USER: explanation.user,
        Columns.ITEM: explanation.item,
        Columns.LIKE: explanation.like,
        Columns.PROBABILITY: explanation.probability,
        Columns.CONFIDENCE: explanation.confidence,
        Columns.VOTES: explanation.votes,
        Columns.MATCHED_KEYWORDS: list(_matched(keywords)),
        Columns.NEAREST_LIKED: _near(similarity.nearest_liked),
        Columns.NEAREST_DISLIKED: _near(similarity.nearest_disliked),
        Columns.STATISTICAL_LOGIT: explanation.sasrec.logit,
        Columns.AVERAGE_LOGIT: grounds.average_logit,
        Columns.CONTRIBUTIONS: grounds.contributions,
        Columns.REASONS: [
            {"item_id": reason.item, "liked": reason.liked, "effect": reason.effect} for reason in grounds.reasons
        ],
        Columns.KEYWORD_REASONS: [vars(reason) for reason in grounds.keyword_reasons],
        Columns.SHARED_TASTES: [vars(taste) for taste in grounds.shared_tastes],
        Columns.TURNED_WITHOUT: None if turned is None else [item.item for item in turned],
        Columns.VOTE_TURNED_WITHOUT: None
        if vote.without_reactions is None
        else [item.item for item in vote.without_reactions],
        Columns.VOTE_TURNED_BY_SMALLEST: vote.smallest,
        Columns.VOTE_TURNED_WITHOUT_KEYWORDS: None
        if vote.without_keywords is None
        else [{"side": side, "keyword": keyword} for side, keyword in vote.without_keywords],
        Columns.SENTENCE: explanation.sentence(),
        Columns.WHY: explanation.why(),
    }


def _matched(vote: KeywordVote) -> Iterator[dict[str, object]]:
    for side, matches in (("pro", vote.pros), ("con", vote.cons)):
        for match in matches:
            yield {
                "side": side,
                "keyword": match.keyword,
                "shared_with": [item.item for item in match.items],
                "evidence": match.evidence,
            }


def _near(neighbours: Sequence[Neighbour]) -> list[dict[str, object]]:
    return [{"item_id": near.item, "cosine": near.cosine} for near in neighbours]


def _named(histories: Histories, row: int, explanation: Explanation, column: Mapping[str, int]) -> Reasons:
    """The reasons as the explanation tells them: items by where they stand in the history, keywords by their column."""
    position = {item: t for t, item in enumerate(histories.items[row].tolist())}
    return Reasons(
        tuple(position[reason.item] for reason in explanation.grounds.reasons),
        tuple(
            OwnKeyword("pro" if reason.side == "pro" else "con", column[reason.keyword])
            for reason in explanation.grounds.keyword_reasons
        ),
    )
