"""What the votes of the three models rest on, by name: shared keywords, the nearest items, SASRec's probability.

Shared keywords add up to the counts of keyword matching; the nearest item's cosine is that of similarity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.keywords.nearest import NearestVectors
from models.knowledge import ItemKnowledge, Side, members

_NEIGHBOURS = 3


@dataclass(frozen=True)
class NamedItem:
    """An item by row number and name."""

    item: int
    name: str


@dataclass(frozen=True)
class Neighbour:
    """An item of the history, its name and the cosine between its keywords and the candidate's."""

    item: int
    name: str
    cosine: float


@dataclass(frozen=True)
class SharedKeyword:
    """A keyword of the candidate, the items of the history that have it too, oldest first, and its evidence.

    The evidence is a sentence of the candidate's facts or reviews; empty where none is on record.
    """

    keyword: str
    items: tuple[NamedItem, ...]
    evidence: str = ""


@dataclass(frozen=True)
class KeywordVote:
    """Keyword matching's vote.

    Parameters
    ----------
    vote, by_coin
        0 or 1, and whether a tie was decided by the coin.
    positive, negative
        a_pos and a_neg: how often keywords are shared, over all of `pros` (`cons`) and their items.
    pros, cons
        Pros shared with liked items, cons shared with disliked ones; most shared first.
    """

    vote: int
    by_coin: bool
    positive: float
    negative: float
    pros: tuple[SharedKeyword, ...]
    cons: tuple[SharedKeyword, ...]


@dataclass(frozen=True)
class SimilarityVote:
    """Similarity's vote.

    Parameters
    ----------
    vote, by_coin
        0 or 1, and whether a tie was decided by the coin.
    positive, negative
        b_pos and b_neg: the first neighbour's cosine, or, where only the other side has a neighbour, the cosine at
        which that side speaks neither way; 0 and 0 where neither has.
    nearest_liked, nearest_disliked
        At most three each, nearest first.
    """

    vote: int
    by_coin: bool
    positive: float
    negative: float
    nearest_liked: tuple[Neighbour, ...]
    nearest_disliked: tuple[Neighbour, ...]


@dataclass(frozen=True)
class SASRecVote:
    """SASRec's vote, 0 or 1, and the P(like) that it rests on."""

    vote: int
    probability: float

    @property
    def logit(self) -> float:
        """log(P / (1 - P)), the statistical logit; kept finite."""
        p = min(max(self.probability, 1e-7), 1 - 1e-7)
        return math.log(p / (1 - p))


@dataclass(frozen=True)
class ItemIndexes:
    """Items by the mean embedding of their keywords on each side: where the nearest are looked up."""

    pro: NearestVectors
    con: NearestVectors

    @classmethod
    def build(cls, knowledge: ItemKnowledge) -> Self:
        """Indexes of a catalogue, for which none were read from files."""
        return cls(NearestVectors(knowledge.pro_vectors), NearestVectors(knowledge.con_vectors))

    def of(self, side: Side) -> NearestVectors:
        """The index of a side."""
        return self.pro if side == "pro" else self.con


@dataclass(frozen=True)
class KeywordRecord:
    """Where explanations look up keywords and items.

    Parameters
    ----------
    evidence
        (item, side, keyword) to the words of the item's facts or reviews that the keyword rests on.
    indexes
        Of all items.
    """

    evidence: Mapping[tuple[int, str, str], str]
    indexes: ItemIndexes


@dataclass(frozen=True)
class Comparison:
    """A candidate beside the past reactions that keyword matching and similarity compare it with.

    Parameters
    ----------
    knowledge, record
        Of the catalogue.
    item
        The candidate.
    liked, disliked
        int64 arrays: the compared items, oldest first.
    """

    knowledge: ItemKnowledge
    record: KeywordRecord
    item: int
    liked: NDArray[np.int64]
    disliked: NDArray[np.int64]

    def keyword_vote(self, vote: int, positive: float, negative: float, *, by_coin: bool) -> KeywordVote:
        """Keyword matching's vote with the keywords behind it."""
        pros, cons = self._shared_keywords("pro", self.liked), self._shared_keywords("con", self.disliked)
        return KeywordVote(vote, by_coin, positive, negative, pros, cons)

    def similarity_vote(self, vote: int, positive: float, negative: float, *, by_coin: bool) -> SimilarityVote:
        """Similarity's vote with the items behind it."""
        liked, disliked = self._nearest("pro", self.liked), self._nearest("con", self.disliked)
        return SimilarityVote(vote, by_coin, positive, negative, liked, disliked)

    def _shared_keywords(self, side: Side, items: NDArray[np.int64]) -> tuple[SharedKeyword, ...]:
        """Keywords of a side that the candidate shares with any of `items` (n,), most shared first."""
        matrix, names = self.knowledge.keyword_sets(side), self.knowledge.item_names
        sharers: dict[int, list[NamedItem]] = {column: [] for column in members(matrix, self.item).tolist()}
        for other in items.tolist():
            for column in members(matrix, other).tolist():
                if column in sharers:
                    sharers[column].append(NamedItem(other, names[other]))
        shared = [
            SharedKeyword(keyword, tuple(sharing), self.record.evidence.get((self.item, side, keyword), ""))
            for column, sharing in sharers.items()
            for keyword in (self.knowledge.keywords[column],)
            if sharing
        ]
        return tuple(sorted(shared, key=lambda match: (-len(match.items), match.keyword)))

    def _nearest(self, side: Side, items: NDArray[np.int64]) -> tuple[Neighbour, ...]:
        """The three of `items` (n,) that are nearest to the candidate on a side, nearest first."""
        rows, cosines = self.record.indexes.of(side).nearest(self.item, items, _NEIGHBOURS)
        return tuple(
            Neighbour(item, self.knowledge.item_names[item], cosine)
            for item, cosine in zip(rows.tolist(), cosines.tolist(), strict=True)
        )


def shared_categories(knowledge: ItemKnowledge, item: int, items: NDArray[np.int64]) -> tuple[str, ...]:
    """Names of the item's categories that any of `items` (n,) has."""
    present = {column for other in items.tolist() for column in members(knowledge.categories, other).tolist()}
    own = members(knowledge.categories, item).tolist()
    return tuple(knowledge.category_names[column] for column in own if column in present)
