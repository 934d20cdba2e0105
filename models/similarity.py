"""Similarity, f_sim: is the candidate closer, in embedding space, to something liked or disliked.

Source: arXiv 2412.16984. With E an item's mean-pooled keyword embedding and h_C the history in its category,
b_pos = max cosine of Epos(c) to the liked items' Epos, b_neg = max cosine of Eneg(c) to the disliked items' Eneg.
A side without evidence (nothing disliked in h_C, say) takes that side's neutral value, so that a history of likes
only is still answered by how close the candidate comes. Without evidence on either side it is a tie.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.evidence import Evidence
from models.fast_exp import fast_exp
from models.interactions import NO_ITEM, Histories, HistoryArrays, Interactions
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets

_SHARPNESS = np.float32(10.0)  # of the kernel: an item at cosine 0.9 counts 1 / e of one at 1
_MOST_KNOWN = 1 << 27  # cosines kept of a side: 512 MiB, as far as they are asked for; catalogues up to 11,585 items
_BLOCK = 64  # rows worked out together


class _Side(NamedTuple):
    """What cosines of one side come from: a matrix, or vectors where it is (0, 0); see `_Cosines`."""

    matrix: NDArray[np.float32]
    vectors: NDArray[np.float32]
    present: NDArray[np.bool_]


class _Cosines:
    """Cosines between items by one side's vectors, float32 (n_items, d): of unit length, or zero for an item without.

    Where the whole matrix fits into memory, a block of its rows is worked out when one of them is first asked for, and
    an answer is a look-up afterwards; in a larger catalogue each pair is multiplied out. A row always comes from the
    same product, so answers do not depend on what was asked together.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._present = np.any(vectors != 0, axis=1)
        n = len(vectors)
        self._known = np.zeros(-(-n // _BLOCK), dtype=bool)
        self._matrix = np.empty((n, n) if n * n <= _MOST_KNOWN else (0, 0), dtype=np.float32)

    def side(self, candidates: NDArray[np.int64]) -> _Side:
        """What the candidates' cosines come from; the matrix is known in their rows at least."""
        if len(self._matrix) and not self._known.all():
            asked = np.bincount(candidates // _BLOCK, minlength=len(self._known)) > 0
            for block in np.flatnonzero(asked & ~self._known):
                rows = slice(block * _BLOCK, (block + 1) * _BLOCK)
                products = self._vectors[rows] @ self._vectors.T
                self._matrix[rows] = np.where(self._present[rows, None] & self._present, products, -np.inf)
                self._known[block] = True
        return _Side(self._matrix, self._vectors, self._present)


class Similarity:
    """Nearest liked and nearest disliked item, by cosine of keyword embeddings.

    Parameters
    ----------
    knowledge
        Embeddings and categories of all items.
    neutral
        Values (b_pos, b_neg) of a side without evidence; see `neutral_values`.
    """

    def __init__(self, knowledge: ItemKnowledge, neutral: tuple[float, float]) -> None:
        self.neutral = neutral
        self._categories = PackedSets(knowledge.categories)
        self._pro, self._con = _Cosines(knowledge.pro_vectors), _Cosines(knowledge.con_vectors)

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (b_pos, b_neg) of each candidate for the user with the history in the same row.

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
        """Evidence as in `scores`, and how the user rates what is similar, by pros and by cons.

        A taste is a kernel regression (Nadaraya 1964, Watson 1964) over the whole history: the mean surprise of its
        items, each weighed by exp(10 (cosine - 1)), with one more item of surprise 0.

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
        Evidence of b rows and tastes, float32 array of shape (b, 2).
        """
        highest, tastes = self._nearest(candidates, histories, surprises)
        _settle(highest, *self.neutral)
        return Evidence(highest[0], highest[1]), tastes

    def _nearest(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Highest cosines by pros and cons, (2, b), -inf where a side has no evidence; and tastes (b, 2): float32."""
        sides = (self._pro.side(candidates), self._con.side(candidates))
        rows = histories.arrays(), np.ascontiguousarray(surprises)
        return _compared(sides, self._categories.words, candidates, *rows)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # sums in any order, so that they vectorise
def _compared(  # noqa: PLR0912 - one pass over a history without a call
    sides: tuple[_Side, _Side],
    categories: NDArray[np.uint64],
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
    surprises: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Highest cosines to liked (disliked) items that count, (2, b), and tastes by all of them, (b, 2): float32."""
    items, likes, (b, length) = histories.items, histories.likes, histories.items.shape
    highest, tastes = np.full((2, b), -np.inf, dtype=np.float32), np.zeros((b, 2), dtype=np.float32)
    in_category, cosines = np.empty(length, dtype=np.bool_), np.empty(length, dtype=np.float32)
    for row, candidate in enumerate(candidates):
        any_shared = False
        for t in range(length):
            item, shared = items[row, t], False
            if item != NO_ITEM:
                for word in range(categories.shape[1]):
                    shared |= categories[candidate, word] & categories[item, word] != 0
            in_category[t] = shared
            any_shared |= shared
        for which in range(2):
            side, like = sides[which], which == 0
            if not side.present[candidate]:
                continue
            for t in range(length):
                item, cosine = items[row, t], np.float32(-np.inf)
                if item != NO_ITEM and len(side.matrix):
                    cosine = side.matrix[candidate, item]
                elif item != NO_ITEM and side.present[item]:
                    cosine = np.float32(0)
                    for k in range(side.vectors.shape[1]):
                        cosine += side.vectors[candidate, k] * side.vectors[item, k]
                cosines[t] = cosine
            weights, weighted = np.float32(1), np.float32(0)
            nearest = np.float32(-np.inf)
            for t in range(length):
                if likes[row, t] == like and (in_category[t] or not any_shared):
                    nearest = max(nearest, cosines[t])
            highest[which, row] = nearest
            for t in range(length):
                weight = fast_exp(_SHARPNESS * (cosines[t] - np.float32(1)))
                weights += weight
                weighted += weight * surprises[row, t]
            tastes[row, which] = weighted / weights
    return highest, tastes


@njit(cache=True, nogil=True)
def _settle(highest: NDArray[np.float32], for_neutral: float, against_neutral: float) -> None:
    """`settle` in place: highest cosines (2, b)."""
    for row in range(highest.shape[1]):
        positive, negative = highest[0, row], highest[1, row]
        if positive == -np.inf:
            highest[0, row] = 0 if negative == -np.inf else for_neutral
        if negative == -np.inf:
            highest[1, row] = 0 if positive == -np.inf else against_neutral


def settle(positive: NDArray[np.float32], negative: NDArray[np.float32], neutral: tuple[float, float]) -> Evidence:
    """Evidence from highest cosines of any shape, -inf where a side has none.

    One side without evidence takes its neutral value; where both lack it there is nothing to compare, which is a tie.
    """
    lacking = positive == -np.inf, negative == -np.inf
    values = np.where(lacking[1], 0, neutral[0]), np.where(lacking[0], 0, neutral[1])
    sides = zip(lacking, values, (positive, negative), strict=True)
    return Evidence(*(np.where(lacks, value, side).astype(np.float32) for lacks, value, side in sides))


def neutral_values(
    knowledge: ItemKnowledge, train: Interactions, max_history: int, seed: int, n_pairs: int = 20_000
) -> tuple[float, float]:
    """Medians of b_pos and b_neg over training pairs, each judged by the rest of its user's training history.

    Parameters
    ----------
    train
        Training interactions.
    max_history
        Longest history looked at.
    seed
        Chooses `n_pairs` of the training pairs where there are more.

    Returns
    -------
    The two medians; 0 for a side that never has evidence.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(train))[:n_pairs])
    if not len(rows):
        return 0.0, 0.0
    candidates, histories = train.items[rows], train.histories(train.users[rows], max_history)
    others = histories.items != candidates[:, None]
    histories = Histories(np.where(others, histories.items, NO_ITEM), histories.likes & others)
    nothing = np.zeros(histories.items.shape, dtype=np.float32)
    highest, _ = Similarity(knowledge, (0.0, 0.0))._nearest(candidates, histories, nothing)
    return _finite_median(highest[0]), _finite_median(highest[1])


def _finite_median(values: NDArray[np.float32]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0
