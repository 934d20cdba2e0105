"""The response to a candidate without some of its keywords.

As for past reactions (models/explanation/attribution.py) nothing is approximated: keyword matching and similarity judge
the same candidate with a shorter list of keywords and the mean embedding of those that are left; kinds of users expect
of it what they do of such an item. The opinions of the other models do not rest on keywords and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from models.explanation.attribution import Margins, Pairs
from models.interactions import NO_ITEM, Histories
from models.keywords.embeddings import item_vectors
from models.knowledge import SIDES, ItemKnowledge, Side, members
from models.response.features import Opinions
from models.simulation.simulator import UserSimulator

_ROWS_AT_ONCE = 8192


class OwnKeyword(NamedTuple):
    """A keyword of a candidate: its side and its column in the vocabulary."""

    side: Side
    column: int


class Lacking(NamedTuple):
    """A pair, by its row, whose candidate lacks some of its keywords."""

    row: int
    keywords: tuple[OwnKeyword, ...]


def own_keywords(knowledge: ItemKnowledge, item: int) -> tuple[OwnKeyword, ...]:
    """All keywords of an item, pros first."""
    return tuple(
        OwnKeyword(side, column) for side in SIDES for column in members(knowledge.keyword_sets(side), item).tolist()
    )


def margins_without_keywords(
    simulator: UserSimulator, pairs: Pairs, opinions: Opinions, lacking: Sequence[Lacking]
) -> Margins:
    """Margins of pairs whose candidates lack some of their keywords.

    Parameters
    ----------
    simulator
        The audience.
    pairs
        Pairs, `remembered`.
    opinions
        Opinions of the simulator's models on these pairs.
    lacking
        n pairs, by their rows, and the keywords that their candidates lack, if any.

    Returns
    -------
    Margins of n pairs.
    """
    parts = []
    for start in range(0, len(lacking), _ROWS_AT_ONCE):
        part = lacking[start : start + _ROWS_AT_ONCE]
        rows = np.array([row for row, _ in part])
        histories, models = pairs.histories[rows], simulator.models
        past = np.unique(histories.items[histories.mask])
        small = _catalogue(simulator.knowledge, past, pairs.items[rows], part)
        renumbered = Histories(
            np.where(histories.mask, np.searchsorted(past, histories.items), NO_ITEM),
            histories.likes,
            histories.ratings,
        )
        places, surprises = len(past) + np.arange(len(rows)), models.sasrec.statistics.surprises(histories)
        knowing = models.with_knowledge(small, np.concatenate([past, pairs.items[rows]]))
        logical = knowing.logical_opinions(places, renumbered, surprises)
        features = {**opinions[rows].features, **logical.features}
        lacking_opinions = Opinions(logical.keyword_evidence, logical.similarity_evidence, features)
        parts.append(Margins.from_opinions(simulator, lacking_opinions))
    return Margins.concatenated(parts)


def keyword_effects(simulator: UserSimulator, pairs: Pairs, opinions: Opinions) -> list[dict[OwnKeyword, float]]:
    """By how much P(like) falls without each keyword of the candidate; parameters as in `margins_without_keywords`."""
    own = [own_keywords(simulator.knowledge, item) for item in pairs.items.tolist()]
    whole = [Lacking(row, ()) for row in range(len(pairs))]  # computed in the same way, so that rounding is the same
    single = [Lacking(row, (keyword,)) for row, keywords in enumerate(own) for keyword in keywords]
    probabilities = margins_without_keywords(simulator, pairs, opinions, [*whole, *single]).probability
    before, without = np.split(probabilities, [len(whole)])
    effects: list[dict[OwnKeyword, float]] = [{} for _ in own]
    for (row, (keyword,)), after in zip(single, without.tolist(), strict=True):
        effects[row][keyword] = float(before[row]) - after
    return effects


def smallest_keyword_sets(
    simulator: UserSimulator,
    pairs: Pairs,
    opinions: Opinions,
    *,
    likes: NDArray[np.bool_],
    most: int,
) -> list[tuple[OwnKeyword, ...] | None]:
    """The fewest keywords of the candidate without which the vote would be the other one, however coins fall.

    All sets are tried, smaller ones first, so that the result is the smallest there is; of several, the one that moves
    the voters furthest.

    Parameters
    ----------
    simulator, pairs, opinions
        As in `margins_without_keywords`.
    likes
        bool array of shape (b,): the votes that are to be turned.
    most
        Largest set that is tried.

    Returns
    -------
    For each pair a set; None where no set of that size turns the vote.
    """
    smallest: list[tuple[OwnKeyword, ...] | None] = [None] * len(pairs)
    own = [own_keywords(simulator.knowledge, item) for item in pairs.items.tolist()]
    for size in range(1, most + 1):
        tried = [
            Lacking(row, chosen)
            for row in range(len(pairs))
            if smallest[row] is None
            for chosen in combinations(own[row], size)
        ]
        after = margins_without_keywords(simulator, pairs, opinions, tried)
        towards = np.where(likes, -1, 1)[np.array([row for row, _ in tried], dtype=np.int64)]
        best: dict[int, float] = {}
        for at in np.flatnonzero(after.vote * towards > 0):
            (row, chosen), margin = tried[at], float(after.mean_vote[at] * towards[at])
            if margin > best.get(row, -np.inf):
                smallest[row], best[row] = chosen, margin
    return smallest


def _catalogue(
    knowledge: ItemKnowledge, past: NDArray[np.int64], candidates: NDArray[np.int64], lacking: Sequence[Lacking]
) -> ItemKnowledge:
    """The items of histories, and after them each candidate (n,) without the keywords that it lacks."""
    sets, means = {}, {}
    for side in SIDES:
        all_sets, all_means = knowledge.keyword_sets(side), knowledge.item_vectors(side)
        left, touched = _without(csr_array(all_sets[candidates]), _cells(lacking, side))
        own = all_means[candidates]
        own[touched] = item_vectors(csr_array(left[touched]), knowledge.keyword_vectors)
        sets[side] = csr_array(vstack([all_sets[past], left], format="csr"))
        means[side] = np.concatenate([all_means[past], own])
    both = np.concatenate([past, candidates])
    names = tuple(knowledge.item_names[item] for item in both.tolist())
    return replace(
        knowledge,
        pro=sets["pro"],
        con=sets["con"],
        pro_vectors=means["pro"],
        con_vectors=means["con"],
        categories=csr_array(knowledge.categories[both]),
        item_names=names,
    )


def _cells(lacking: Iterable[Lacking], side: Side) -> Iterator[tuple[int, int]]:
    """Place among the lacking and column of each keyword of a side that is missing."""
    for place, (_, keywords) in enumerate(lacking):
        yield from ((place, keyword.column) for keyword in keywords if keyword.side == side)


def _without(sets: csr_array, cells: Iterable[tuple[int, int]]) -> tuple[csr_array, NDArray[np.int64]]:
    """Sets without some members, and the rows that lost any, ascending."""
    _, width = cast("tuple[int, int]", sets.shape)  # scipy declares no type for it
    gone = np.array([place * width + column for place, column in cells], dtype=np.int64)
    entries = sets.tocoo()
    rows, columns = (indices.astype(np.int64) for indices in entries.coords)
    stays = ~np.isin(rows * width + columns, gone)
    left = csr_array((entries.data[stays], (rows[stays], columns[stays])), shape=sets.shape)
    return left, np.unique(gone // max(width, 1))
