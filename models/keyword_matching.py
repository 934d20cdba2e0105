"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.evidence import Evidence, category_history
from models.interactions import NO_ITEM, Histories
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets

_PSEUDO_REACTIONS = np.float32(5.0)


class KeywordMatching:
    """Counts shared keywords.

    Parameters
    ----------
    knowledge
        Keywords and categories of all items.
    """

    def __init__(self, knowledge: ItemKnowledge) -> None:
        self._categories = PackedSets(knowledge.categories)
        self._pro, self._con = _Side.of(knowledge.pro), _Side.of(knowledge.con)

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (a_pos, a_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        """
        return self.scores_and_tastes(candidates, histories, np.zeros(histories.items.shape, dtype=np.float32))[0]

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
        relevant = category_history(self._categories, candidates, histories)
        usual = surprises.sum(axis=1) / (histories.mask.sum(axis=1) + _PSEUDO_REACTIONS)
        deviations = (surprises - usual[:, None]).astype(np.float32)
        items = np.ascontiguousarray(histories.items)
        positive, for_pros = _shared(self._pro, candidates, items, relevant & histories.likes, deviations)
        negative, for_cons = _shared(self._con, candidates, items, relevant & ~histories.likes, deviations)
        return Evidence(positive, negative), np.stack([for_pros, for_cons], axis=1)


class _Side(NamedTuple):
    """The keywords of one side, item by item: item i's are `keywords[starts[i] : starts[i + 1]]`.

    Parameters
    ----------
    starts
        int64 array of shape (n_items + 1,).
    keywords
        int64 array of shape (n,).
    shares
        float32 array of shape (n,): of each of an item's keywords in its taste, by rarity; they add up to 1 or 0.
    """

    starts: NDArray[np.int64]
    keywords: NDArray[np.int64]
    shares: NDArray[np.float32]

    @classmethod
    def of(cls, membership: csr_array) -> Self:
        """One side of a sparse binary matrix (n_items, v)."""
        present = csr_array(membership > 0)
        starts, keywords = present.indptr.astype(np.int64), present.indices.astype(np.int64)
        n_items = len(starts) - 1
        rarity = np.log(n_items / np.maximum(np.bincount(keywords), 1))[keywords]
        of_item = np.repeat(np.arange(n_items), np.diff(starts))
        total = np.bincount(of_item, rarity, n_items)[of_item]
        return cls(starts, keywords, (rarity / np.where(total > 0, total, 1)).astype(np.float32))


@njit(cache=True, nogil=True)
def _shared(
    side: _Side,
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    counted: NDArray[np.bool_],
    deviations: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keywords shared with the items that are `counted` (b, l), and tastes by all items: float32 (b,) each."""
    overlaps, tastes = np.zeros((2, len(candidates)), dtype=np.float32)
    place = np.full(side.keywords.max() + 1 if len(side.keywords) else 0, -1)  # of a keyword among the candidate's
    counts, sums = np.zeros((2, len(place)), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        first, end = side.starts[candidate], side.starts[candidate + 1]
        for k in range(first, end):
            place[side.keywords[k]] = k - first
        counts[: end - first], sums[: end - first] = 0, 0
        for t, item in enumerate(items[row]):
            if item == NO_ITEM:
                continue
            for k in range(side.starts[item], side.starts[item + 1]):
                at = place[side.keywords[k]]
                if at >= 0:
                    overlaps[row] += counted[row, t]
                    counts[at] += 1
                    sums[at] += deviations[row, t]
        for k in range(first, end):
            tastes[row] += side.shares[k] * sums[k - first] / (counts[k - first] + _PSEUDO_REACTIONS)
            place[side.keywords[k]] = -1
    return overlaps, tastes
