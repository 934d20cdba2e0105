"""How a user rates what shares words with the candidate: content that takes no language model, known of every item.

The words are those most particular to an item's name and facts (models/keywords/tfidf.py). They tell a sequel, a
franchise or a maker, which the language model, asked for reasons, does not name. Content-based filtering (Pazzani and
Billsus 2007); it stands beside the paper's logical models and has no part in their votes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import loop
from models.kernels.prefetch import prefetch_next
from models.response.keyword_matching import PSEUDO_REACTIONS, KeywordSide, rarity, share_marks


class WordTaste:
    """A user's taste for the words of items.

    Parameters
    ----------
    words
        Sparse binary matrix of shape (n_items, v): which words an item has.
    """

    def __init__(self, words: csr_array) -> None:
        self.side = KeywordSide.of(words, rarity(words))

    def tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Taste for each candidate's words, as `KeywordMatching.scores_and_tastes` defines it for keywords.

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
        float32 array of shape (b,), in standard deviations; 0 for a candidate without words.
        """
        items, surprises = np.ascontiguousarray(histories.items), np.ascontiguousarray(surprises)
        return _tastes(self.side, candidates, items, surprises)


@loop
def _tastes(
    side: KeywordSide, candidates: NDArray[np.int64], items: NDArray[np.int64], surprises: NDArray[np.float32]
) -> NDArray[np.float32]:
    tastes = np.zeros(len(candidates), dtype=np.float32)
    place = np.full(side.n_keywords, -1, dtype=np.int32)  # among the candidate's words
    counts, sums = np.empty(side.n_keywords, dtype=np.float32), np.empty(side.n_keywords, dtype=np.float32)
    sharing = np.empty(items.shape[1], dtype=np.int64)
    for row, candidate in enumerate(candidates):
        prefetch_next(side.marks, items, row)
        first, end = side.starts[candidate], side.starts[candidate + 1]
        for k in range(first, end):
            place[side.keywords[k]] = k - first
            counts[k - first] = sums[k - first] = 0
        count, usual = 0, np.float32(0)
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                count += 1
                usual += surprises[row, t]
        usual /= np.float32(count) + PSEUDO_REACTIONS
        for t in sharing[: share_marks(side, candidate, items, row, sharing)]:
            item = items[row, t]
            for k in range(side.starts[item], side.starts[item + 1]):
                at = place[side.keywords[k]]
                if at >= 0:
                    counts[at] += 1
                    sums[at] += surprises[row, t] - usual
        for k in range(first, end):
            tastes[row] += side.shares[k] * sums[k - first] / (counts[k - first] + PSEUDO_REACTIONS)
            place[side.keywords[k]] = -1
    return tastes
