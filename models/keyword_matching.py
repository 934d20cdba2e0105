"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evidence import Evidence, category_history
from models.interactions import Histories
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets


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
