"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from models.evidence import Evidence, category_history
from models.interactions import Histories
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets

_PSEUDO_REACTIONS = 5.0


class KeywordMatching:
    """Counts shared keywords.

    Parameters
    ----------
    knowledge
        Keywords and categories of all items.
    """

    def __init__(self, knowledge: ItemKnowledge) -> None:
        self._categories = PackedSets(knowledge.categories)
        self._pro = PackedSets(knowledge.pro)
        self._con = PackedSets(knowledge.con)
        self._tastes = _Tastes(knowledge.pro, knowledge.con)

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (a_pos, a_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        """
        relevant = category_history(self._categories, candidates, histories)
        pro = self._pro.overlaps(candidates, histories.items)
        con = self._con.overlaps(candidates, histories.items)
        positive = np.where(relevant & histories.likes, pro, 0).sum(axis=1)
        negative = np.where(relevant & ~histories.likes, con, 0).sum(axis=1)
        return Evidence(positive.astype(np.float32), negative.astype(np.float32))

    def tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """How the user rates what shares the candidate's keywords, by pros and by cons.

        A user's taste for a keyword is the mean surprise of the history's items that have it, with a few more items of
        the user's usual surprise. A candidate's is the mean over its keywords, each weighed by its rarity,
        log(items / items that have it) (Spärck Jones 1972).

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories; all of them count, whatever their category.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises`.

        Returns
        -------
        float32 array of shape (b, 2); 0 where a candidate has no keyword.
        """
        return self._tastes.of(candidates, histories, surprises)


class _Tastes:
    """Keywords of both sides, weighed by rarity; `pro` and `con` are sparse binary (n_items, v)."""

    def __init__(self, pro: csr_array, con: csr_array) -> None:
        self._n_items = pro.indptr.size - 1
        self._keywords = hstack([pro, con], format="csr", dtype=np.float32)  # pros, then cons: one product for all
        self._shares = [_rarity_shares(side) for side in (pro, con)]

    def of(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Tastes for the candidates, by pros and by cons: float32 (b, 2)."""
        b, mask = len(candidates), histories.mask
        lengths = mask.sum(axis=1)
        usual = surprises.sum(axis=1) / (lengths + _PSEUDO_REACTIONS)
        deviations = (surprises - usual[:, None])[mask]
        values = np.concatenate([np.ones_like(deviations), deviations], dtype=np.float32)  # b rows of each
        ends = np.concatenate([[0], np.tile(lengths, 2).cumsum()])
        reactions = csr_array((values, np.tile(histories.items[mask], 2), ends), shape=(2 * b, self._n_items))
        counts, sums = np.split(cast("csr_array", reactions @ self._keywords).toarray(), 2)  # (b, 2 v) each
        by_keyword = np.split(sums / (counts + _PSEUDO_REACTIONS), 2, axis=1)  # (b, v) a side
        tastes = [
            np.asarray(shares[candidates].multiply(tastes).sum(axis=1)).ravel()
            for shares, tastes in zip(self._shares, by_keyword, strict=True)
        ]
        return np.stack(tastes, axis=1).astype(np.float32)


def _rarity_shares(keywords: csr_array) -> csr_array:
    """Share of each of an item's keywords in its taste, by rarity: sparse (n_items, v), rows adding up to 1 or 0."""
    spread = np.maximum(np.asarray(keywords.sum(axis=0)).ravel(), 1)
    n_items = keywords.indptr.size - 1
    weighted = (keywords * np.log(n_items / spread).astype(np.float32)).tocsr()
    total = np.asarray(weighted.sum(axis=1)).ravel()
    return csr_array(weighted * (1 / np.where(total > 0, total, 1)).astype(np.float32)[:, None])
