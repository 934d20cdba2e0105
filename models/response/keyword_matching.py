"""Keyword matching, f_mat: pros shared with what the user liked against cons shared with what they disliked.

Source: arXiv 2412.16984. Over the history h_C in the candidate's category,
a_pos = sum over liked items i of |Dpos(c) & Dpos(i)|, a_neg = sum over disliked items i of |Dneg(c) & Dneg(i)|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.estimators.word_taste import ItemWords, rarity, word_tastes
from models.interactions import Histories
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import loop
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence, category_history


class KeywordMatching:
    """Counts shared keywords.

    Parameters
    ----------
    knowledge
        Keywords and categories of all items.
    rarities
        How rare a keyword is among pros and among cons, float64 arrays of shape (v,); of these items by default.

    Attributes
    ----------
    categories
        Every item's categories.
    pros, cons
        Every item's keywords.
    """

    def __init__(
        self, knowledge: ItemKnowledge, rarities: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    ) -> None:
        self.categories = PackedSets(knowledge.categories)
        self.rarities = rarities or (rarity(knowledge.pro), rarity(knowledge.con))
        self.pros, self.cons = (
            ItemWords.of(knowledge.pro, self.rarities[0]),
            ItemWords.of(knowledge.con, self.rarities[1]),
        )

    def relevant(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.bool_]:
        """h_C of each candidate and history: bool (b, l)."""
        return category_history(self.categories, candidates, histories)

    def evidence(self, candidates: NDArray[np.int64], histories: Histories, relevant: NDArray[np.bool_]) -> Evidence:
        """Evidence (a_pos, a_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        relevant
            bool array of shape (b, l): see `relevant`.
        """
        items = np.ascontiguousarray(histories.items)
        shared = [
            _shared(words.starts, words.words, candidates, items, relevant & likes)
            for words, likes in ((self.pros, histories.likes), (self.cons, ~histories.likes))
        ]
        return Evidence(*shared)

    def tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The user's tastes for the candidate's pros and for its cons, whatever their category: float32 (b,) each.

        Parameters are those of `word_tastes`.
        """
        pro, con = (word_tastes(words, candidates, histories, surprises) for words in (self.pros, self.cons))
        return pro, con


@loop
def _shared(
    starts: NDArray[np.int64],
    words: NDArray[np.int32],
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    counted: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Keywords that each candidate shares with the items (b, l) that are counted, added up: float32 (b,)."""
    shared = np.zeros(len(candidates), dtype=np.float32)
    own = np.zeros(words.max() + 1 if len(words) else 1, dtype=np.bool_)  # the candidate's keywords
    for row, candidate in enumerate(candidates):
        for k in range(starts[candidate], starts[candidate + 1]):
            own[words[k]] = True
        for t in range(items.shape[1]):
            if counted[row, t]:
                for k in range(starts[items[row, t]], starts[items[row, t] + 1]):
                    shared[row] += own[words[k]]
        for k in range(starts[candidate], starts[candidate + 1]):
            own[words[k]] = False
    return shared
