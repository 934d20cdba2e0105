"""A candidate without some of its keywords: what its users would then answer.

As for past reactions (models/explanation/attribution.py) nothing is approximated: keyword matching and similarity are
asked about
the same candidate with a shorter list of keywords and the mean embedding of those that are left. What the other models
say does not rest on keywords and stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from models.explanation.attribution import Answers, Pairs
from models.interactions import NO_ITEM, Histories
from models.keywords.embeddings import item_vectors
from models.knowledge import ItemKnowledge
from models.response.features import Opinions
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity
from models.simulation.simulator import UserSimulator

Side = Literal["pro", "con"]
SIDES: tuple[Side, ...] = ("pro", "con")
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class KeywordRecord:
    """What stands behind an item's keywords.

    Parameters
    ----------
    vectors
        float32 array of shape (v, d): the embedding of each keyword of the vocabulary.
    evidence
        (item, side, keyword) to the words of the item's facts or reviews that it rests on.
    """

    vectors: NDArray[np.float32]
    evidence: Mapping[tuple[int, str, str], str]


class OwnKeyword(NamedTuple):
    """A keyword of a candidate: its side and its column in the vocabulary."""

    side: Side
    column: int


class Lacking(NamedTuple):
    """A pair, by its row, whose candidate lacks some of its keywords."""

    row: int
    keywords: tuple[OwnKeyword, ...]


def of_side(knowledge: ItemKnowledge, side: Side) -> csr_array:
    """Which keywords speak for (against) each item."""
    return knowledge.pro if side == "pro" else knowledge.con


def own_keywords(knowledge: ItemKnowledge, item: int) -> tuple[OwnKeyword, ...]:
    """All keywords of an item, pros first."""
    return tuple(
        OwnKeyword(side, column)
        for side in SIDES
        for matrix in (of_side(knowledge, side),)
        for column in np.sort(matrix.indices[matrix.indptr[item] : matrix.indptr[item + 1]]).tolist()
    )


def answers_lacking(
    simulator: UserSimulator, record: KeywordRecord, pairs: Pairs, opinions: Opinions, lacking: Sequence[Lacking]
) -> Answers:
    """The answers to candidates that lack some of their keywords.

    Parameters
    ----------
    simulator, record
        Who is asked, and what is known of the keywords.
    pairs
        Pairs, `remembered`.
    opinions
        What the simulator's models say of these pairs.
    lacking
        n pairs, by their rows, and what their candidates lack; nothing is allowed.

    Returns
    -------
    n answers.
    """
    parts = [Answers(*(np.zeros(0, dtype=np.float32) for _ in Answers._fields))]
    for start in range(0, len(lacking), _ROWS_AT_ONCE):
        asked = lacking[start : start + _ROWS_AT_ONCE]
        rows = np.array([row for row, _ in asked])
        histories, models = pairs.histories[rows], simulator.models
        known = np.unique(histories.items[histories.mask])
        small = _catalogue(simulator.knowledge, record.vectors, known, pairs.items[rows], asked)
        renumbered = Histories(
            np.where(histories.mask, np.searchsorted(known, histories.items), NO_ITEM),
            histories.likes,
            histories.ratings,
        )
        lacking_models = replace(
            models,
            keyword_matching=KeywordMatching(small, models.keyword_matching.rarities),
            similarity=Similarity(small, models.similarity.neutral),
        )
        features, places = opinions.features[rows], len(known) + np.arange(len(rows))
        surprises = models.sasrec.statistics.surprises(histories)
        keywords, similarity = lacking_models.ask_logical(places, renumbered, surprises, features)
        said = Opinions(keywords, similarity, opinions.sasrec_probability[rows], features)
        parts.append(Answers.of(simulator.ensemble, said))
    return Answers(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def keyword_effects(
    simulator: UserSimulator, record: KeywordRecord, pairs: Pairs, opinions: Opinions
) -> list[dict[OwnKeyword, float]]:
    """By how much P(like) falls when the candidate lacks one of its keywords; parameters as in `answers_lacking`."""
    own = [own_keywords(simulator.knowledge, item) for item in pairs.items.tolist()]
    whole = [Lacking(row, ()) for row in range(len(pairs))]  # asked in the same way, so that rounding is the same
    single = [Lacking(row, (keyword,)) for row, keywords in enumerate(own) for keyword in keywords]
    asked = answers_lacking(simulator, record, pairs, opinions, [*whole, *single]).probability
    before, without = np.split(asked, [len(whole)])
    effects: list[dict[OwnKeyword, float]] = [{} for _ in own]
    for (row, (keyword,)), after in zip(single, without.tolist(), strict=True):
        effects[row][keyword] = float(before[row]) - after
    return effects


def smallest_keyword_sets(
    simulator: UserSimulator,
    record: KeywordRecord,
    pairs: Pairs,
    opinions: Opinions,
    *,
    likes: NDArray[np.bool_],
    most: int,
) -> list[tuple[OwnKeyword, ...] | None]:
    """The fewest keywords of the candidate without which the vote would be the other one, whatever coins say.

    All sets are tried, the smaller first, so a set that is found is the smallest there is; of several, the one that
    moves the voters furthest.

    Parameters
    ----------
    simulator, record, pairs, opinions
        As in `answers_lacking`.
    likes
        bool array of shape (b,): the votes that are to be turned.
    most
        Largest set that is looked for.

    Returns
    -------
    For each pair a set; None where no set of that size turns the vote.
    """
    found: list[tuple[OwnKeyword, ...] | None] = [None] * len(pairs)
    own = [own_keywords(simulator.knowledge, item) for item in pairs.items.tolist()]
    for size in range(1, most + 1):
        tried = [
            Lacking(row, chosen)
            for row in range(len(pairs))
            if found[row] is None
            for chosen in combinations(own[row], size)
        ]
        after = answers_lacking(simulator, record, pairs, opinions, tried)
        towards = np.where(likes, -1, 1)[np.array([row for row, _ in tried], dtype=np.int64)]
        best: dict[int, float] = {}
        for at in np.flatnonzero(after.by_vote * towards > 0):
            (row, chosen), leaning = tried[at], float(after.leaning[at] * towards[at])
            if leaning > best.get(row, -np.inf):
                found[row], best[row] = chosen, leaning
    return found


def _catalogue(
    knowledge: ItemKnowledge,
    vectors: NDArray[np.float32],
    known: NDArray[np.int64],
    candidates: NDArray[np.int64],
    lacking: Sequence[Lacking],
) -> ItemKnowledge:
    """The known items, and after them each candidate (n,) as it is lacking."""
    sets, means = {}, {}
    for side, of_items in zip(SIDES, (knowledge.pro_vectors, knowledge.con_vectors), strict=True):
        whole = csr_array(of_side(knowledge, side)[candidates])
        left, touched = _without(whole, _cells(lacking, side))
        own = of_items[candidates]
        own[touched] = item_vectors(csr_array(left[touched]), vectors)
        sets[side] = csr_array(vstack([of_side(knowledge, side)[known], left], format="csr"))
        means[side] = np.concatenate([of_items[known], own])
    both = np.concatenate([known, candidates])
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
