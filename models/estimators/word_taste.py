"""How a user rates what shares words with the candidate: keywords of one side, or words of an item's name and facts.

A user's taste for a word is the mean surprise of the history's items that have it, with a few more items of the user's
usual surprise. The taste for a candidate is the mean over its words, each weighed by its rarity,
log(items / items that have it) (Spärck Jones 1972). Content-based filtering (Pazzani and Billsus 2007).

The words of names and facts (models/keywords/tfidf.py) take no language model and are there for every item: they tell
a sequel, a franchise or a maker, which the language model, when it gives reasons, does not name. They stand beside the
paper's logical models and have no part in their votes.
"""

from __future__ import annotations

from typing import NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import loop

PSEUDO_REACTIONS = np.float32(5.0)


class ItemWords(NamedTuple):
    """The words of every item: item i's are `words[starts[i] : starts[i + 1]]`.

    Parameters
    ----------
    starts
        int64 array of shape (n_items + 1,).
    words
        int32 array of shape (n,): numbers below `n_words`.
    shares
        float32 array of shape (n,): of each of an item's words in its taste, by rarity; they add up to 1 or 0.
    n_words
        Size of the vocabulary.
    """

    starts: NDArray[np.int64]
    words: NDArray[np.int32]
    shares: NDArray[np.float32]
    n_words: int

    @classmethod
    def of(cls, membership: csr_array, rarities: NDArray[np.float64] | None = None) -> Self:
        """The words of a sparse binary matrix (n_items, v); their rarities, float64 (v,), are its own by default."""
        present = csr_array(membership > 0)
        starts, words = present.indptr.astype(np.int64), present.indices.astype(np.int32)
        own = (rarity(membership) if rarities is None else rarities)[words]
        items = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        total = np.bincount(items, own, len(starts) - 1)[items]
        shares = (own / np.where(total > 0, total, 1)).astype(np.float32)
        return cls(starts, words, shares, max(1, cast("tuple[int, int]", membership.shape)[1]))


def rarity(membership: csr_array) -> NDArray[np.float64]:
    """log(items / items that have it) of each word: float64 (v,), of a sparse binary matrix (n_items, v)."""
    n_items, n_words = cast("tuple[int, int]", membership.shape)  # scipy declares no type for it
    having = np.bincount(csr_array(membership > 0).indices, minlength=n_words)
    return np.log(n_items / np.maximum(having, 1))


class WordTaste:
    """A user's taste for the words of items.

    Parameters
    ----------
    words
        Sparse binary matrix of shape (n_items, v): which words an item has.
    """

    def __init__(self, words: csr_array) -> None:
        self.item_words = ItemWords.of(words)

    def tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Taste for each candidate's words; see `word_tastes`."""
        return word_tastes(self.item_words, candidates, histories, surprises)


def word_tastes(
    item_words: ItemWords, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Taste of each user for the words of a candidate.

    Parameters
    ----------
    item_words
        Words of all items.
    candidates
        int64 array of shape (b,).
    histories
        b histories.
    surprises
        float32 array of shape (b, l): `ReactionStatistics.surprises`.

    Returns
    -------
    float32 array of shape (b,), in standard deviations of a rating; 0 for a candidate without words.
    """
    return _tastes(item_words, candidates, np.ascontiguousarray(histories.items), np.ascontiguousarray(surprises))


@loop
def _tastes(
    item_words: ItemWords, candidates: NDArray[np.int64], items: NDArray[np.int64], surprises: NDArray[np.float32]
) -> NDArray[np.float32]:
    starts, words, shares, n_words = item_words
    tastes = np.zeros(len(candidates), dtype=np.float32)
    places = np.full(n_words, -1, dtype=np.int32)  # of a word among the candidate's
    counts, sums = np.empty(n_words, dtype=np.float32), np.empty(n_words, dtype=np.float32)
    for row, candidate in enumerate(candidates):
        first, end = starts[candidate], starts[candidate + 1]
        for k in range(first, end):
            places[words[k]] = k - first
            counts[k - first] = sums[k - first] = 0
        count, total = 0, np.float32(0)
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                count += 1
                total += surprises[row, t]
        usual = total / (np.float32(count) + PSEUDO_REACTIONS)
        for t in range(items.shape[1]):
            item = items[row, t]
            if item != NO_ITEM:
                for k in range(starts[item], starts[item + 1]):
                    place = places[words[k]]
                    if place >= 0:
                        counts[place] += 1
                        sums[place] += surprises[row, t] - usual
        for k in range(first, end):
            tastes[row] += shares[k] * sums[k - first] / (counts[k - first] + PSEUDO_REACTIONS)
            places[words[k]] = -1
    return tastes
