"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

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
        self._sides = (_Tastes(knowledge.pro), _Tastes(knowledge.con))

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
        return np.stack([side.of(candidates, histories, surprises) for side in self._sides], axis=1)


class _Tastes:
    """One side's keywords, weighed by rarity; `keywords` is sparse binary (n_items, v)."""

    def __init__(self, keywords: csr_array) -> None:
        self._keywords = csr_array(keywords, dtype=np.float32)
        self._shape = cast("tuple[int, int]", keywords.shape)  # scipy declares no type for it
        spread = np.maximum(np.asarray(keywords.sum(axis=0)).ravel(), 1)
        weighted = (self._keywords * np.log(self._shape[0] / spread).astype(np.float32)).tocsr()
        total = np.asarray(weighted.sum(axis=1)).ravel()
        self._shares = csr_array(weighted * (1 / np.where(total > 0, total, 1)).astype(np.float32)[:, None])

    def of(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Tastes for the candidates: float32 (b,)."""
        mask = histories.mask
        lengths = mask.sum(axis=1)
        ends = np.concatenate([[0], lengths.cumsum()])
        shape = (len(candidates), self._shape[0])
        usual = surprises.sum(axis=1) / (lengths + _PSEUDO_REACTIONS)
        deviations = (surprises - usual[:, None])[mask].astype(np.float32)
        reactions = (np.ones_like(deviations), deviations)
        of_items = [csr_array((values, histories.items[mask], ends), shape=shape) for values in reactions]
        counts, sums = (cast("csr_array", matrix @ self._keywords).toarray() for matrix in of_items)  # (b, v)
        by_keyword = sums / (counts + _PSEUDO_REACTIONS)
        return np.asarray(self._shares[candidates].multiply(by_keyword).sum(axis=1)).ravel().astype(np.float32)
