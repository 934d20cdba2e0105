"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

from typing import NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories, HistoryArrays
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import inner_loop, loop
from models.kernels.prefetch import prefetch_next, prefetch_row
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence, category_history

PSEUDO_REACTIONS = np.float32(5.0)
_MARKS = 4


class KeywordMatching:
    """Counts shared keywords.

    Parameters
    ----------
    knowledge
        Keywords and categories of all items.
    rarities
        How much a keyword tells, by pros and by cons: float64 arrays of shape (v,); from these items where not given.

    Attributes
    ----------
    categories
        Every item's categories.
    sides
        Every item's pros, and cons.
    """

    def __init__(
        self, knowledge: ItemKnowledge, rarities: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    ) -> None:
        self.categories = PackedSets(knowledge.categories)
        self.rarities = rarities or (rarity(knowledge.pro), rarity(knowledge.con))
        self.sides = (KeywordSide.of(knowledge.pro, self.rarities[0]), KeywordSide.of(knowledge.con, self.rarities[1]))

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (a_pos, a_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        """
        relevant = category_history(self.categories, candidates, histories)
        evidence = shared_keywords(self.sides, relevant, candidates, histories.arrays())
        return Evidence(evidence[0], evidence[1])

    def scores_and_tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> tuple[Evidence, NDArray[np.float32]]:
        """Evidence as in `scores`, and how the user rates what shares the candidate's keywords, by pros and by cons.

        A user's taste for a keyword is the mean surprise of the history's items that have it, whatever their category,
        with a few more items of the user's usual surprise. A candidate's is the mean over its keywords, each weighed
        by its rarity, log(items / items that have it) (Spärck Jones 1972).

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises`.

        Returns
        -------
        Evidence of b rows and tastes, float32 array of shape (b, 2), 0 where a candidate has no keyword.
        """
        relevant = category_history(self.categories, candidates, histories)
        rows = histories.arrays(), np.ascontiguousarray(surprises)
        evidence, tastes = _matched(self.sides, relevant, candidates, *rows)
        return Evidence(evidence[0], evidence[1]), tastes


class KeywordSide(NamedTuple):
    """The keywords of one side, item by item: item i's are `keywords[starts[i] : starts[i + 1]]`.

    Parameters
    ----------
    starts
        int64 array of shape (n_items + 1,).
    keywords
        int32 array of shape (n,).
    shares
        float32 array of shape (n,): of each of an item's keywords in its taste, by rarity; they add up to 1 or 0.
    marks
        uint64 array of shape (n_items, 4): bits of an item's keywords, several keywords to a bit. Items without a bit
        in common share no keyword, which is most of them, at the price of four instructions.
    n_keywords
        Highest number of a keyword, and 1.
    """

    starts: NDArray[np.int64]
    keywords: NDArray[np.int32]
    shares: NDArray[np.float32]
    marks: NDArray[np.uint64]
    n_keywords: int

    @classmethod
    def of(cls, membership: csr_array, rarities: NDArray[np.float64]) -> Self:
        """One side of a sparse binary matrix (n_items, v), its keywords of the rarities (v,)."""
        present = csr_array(membership > 0)
        starts, keywords = present.indptr.astype(np.int64), present.indices.astype(np.int32)
        n_items = len(starts) - 1
        rarity = rarities[keywords]
        of_item = np.repeat(np.arange(n_items), np.diff(starts))
        total = np.bincount(of_item, rarity, n_items)[of_item]
        shares = (rarity / np.where(total > 0, total, 1)).astype(np.float32)
        marks = np.zeros((n_items, _MARKS), dtype=np.uint64)
        bits = np.uint64(1) << (keywords % 64).astype(np.uint64)
        np.bitwise_or.at(marks, (of_item, keywords // 64 % _MARKS), bits)
        return cls(starts, keywords, shares, marks, int(keywords.max(initial=0)) + 1)


def rarity(membership: csr_array) -> NDArray[np.float64]:
    """log(items / items that have it) of each keyword: float64 (v,), of a sparse binary matrix (n_items, v)."""
    n_items, n_keywords = cast("tuple[int, int]", membership.shape)  # scipy declares no type for it
    having = np.bincount(csr_array(membership > 0).indices, minlength=n_keywords)
    return np.log(n_items / np.maximum(having, 1))


@inner_loop
def share_marks(
    side: KeywordSide, candidate: int, items: NDArray[np.int64], row: int, places: NDArray[np.int64]
) -> int:
    """Write places in a row of histories (b, l) whose items may share a keyword with the candidate; returns how many.

    Their keywords are asked for meanwhile.
    """
    n = 0
    for t in range(items.shape[1]):
        item, shared = max(items[row, t], 0), False
        for word in range(_MARKS):
            shared |= side.marks[candidate, word] & side.marks[item, word] != 0
        places[n] = t
        n += shared and items[row, t] != NO_ITEM
        prefetch_row(side.starts, item)
    for place in places[:n]:
        prefetch_row(side.keywords, int(side.starts[items[row, place]]))
    return n


@loop
def shared_keywords(
    sides: tuple[KeywordSide, KeywordSide],
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
) -> NDArray[np.float32]:
    """Keywords shared with the liked (disliked) items that count, being relevant (b, l): float32 (2, b)."""
    items, likes = histories.items, histories.likes
    evidence = np.zeros((2, len(candidates)), dtype=np.float32)
    own = np.zeros((2, max(sides[0].n_keywords, sides[1].n_keywords)), dtype=np.bool_)  # the candidate's keywords
    for row, candidate in enumerate(candidates):
        for which in range(2):
            side = sides[which]
            for k in range(side.starts[candidate], side.starts[candidate + 1]):
                own[which, side.keywords[k]] = True
        for t in range(items.shape[1]):
            if not relevant[row, t]:
                continue
            item, which, shared = items[row, t], 0 if likes[row, t] else 1, False
            side = sides[which]
            for word in range(_MARKS):
                shared |= side.marks[candidate, word] & side.marks[item, word] != 0
            if shared:
                for k in range(side.starts[item], side.starts[item + 1]):
                    evidence[which, row] += own[which, side.keywords[k]]
        for which in range(2):
            side = sides[which]
            for k in range(side.starts[candidate], side.starts[candidate + 1]):
                own[which, side.keywords[k]] = False
    return evidence


@loop
def _matched(
    sides: tuple[KeywordSide, KeywordSide],
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
    surprises: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keywords shared with the liked (disliked) items that count, (2, b), and tastes by all items, (b, 2): float32."""
    items, likes, (b, length) = histories.items, histories.likes, histories.items.shape
    evidence, tastes = np.zeros((2, b), dtype=np.float32), np.zeros((b, 2), dtype=np.float32)
    deviations, sharing = np.empty(length, dtype=np.float32), np.empty(length, dtype=np.int64)
    n_keywords = max(sides[0].n_keywords, sides[1].n_keywords)
    places = np.full((2, n_keywords), -1, dtype=np.int32)  # among the candidate's keywords
    counts, sums = np.empty(places.shape[1], dtype=np.float32), np.empty(places.shape[1], dtype=np.float32)
    for row, candidate in enumerate(candidates):
        prefetch_next(sides[0].marks, items, row)
        prefetch_next(sides[1].marks, items, row)
        count, total = 0, np.float32(0)
        for t in range(length):
            if items[row, t] != NO_ITEM:
                count += 1
                total += surprises[row, t]
        usual = total / (np.float32(count) + PSEUDO_REACTIONS)
        for t in range(length):
            deviations[t] = surprises[row, t] - usual
        for which in range(2):
            side, place, like = sides[which], places[which], which == 0
            first, end = side.starts[candidate], side.starts[candidate + 1]
            for k in range(first, end):
                place[side.keywords[k]] = k - first
                counts[k - first] = sums[k - first] = 0
            shares, n = 0, share_marks(side, candidate, items, row, sharing)
            for t in sharing[:n]:
                item, counted = items[row, t], relevant[row, t] and likes[row, t] == like
                for k in range(side.starts[item], side.starts[item + 1]):
                    at = place[side.keywords[k]]
                    if at >= 0:
                        shares += counted
                        counts[at] += 1
                        sums[at] += deviations[t]
            evidence[which, row] = shares
            for k in range(first, end):
                tastes[row, which] += side.shares[k] * sums[k - first] / (counts[k - first] + PSEUDO_REACTIONS)
                place[side.keywords[k]] = -1
    return evidence, tastes
