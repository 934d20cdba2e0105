"""Similarity, f_sim: is the candidate closer, in embedding space, to something liked or disliked.

Source: arXiv 2412.16984. With E an item's mean-pooled keyword embedding and h_C the history in its category,
b_pos = max cosine of Epos(c) to the liked items' Epos, b_neg = max cosine of Eneg(c) to the disliked items' Eneg.
A side without evidence (nothing disliked in h_C, say) takes that side's neutral value, so that a history of likes
only is still answered by how close the candidate comes. Without evidence on either side it is a tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evidence import Evidence, category_history
from models.interactions import NO_ITEM, Histories, Interactions
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets

_SHARPNESS = 10.0  # of the kernel: an item at cosine 0.9 counts 1 / e of one at 1
_FLOATS_AT_ONCE = 1 << 24  # gathered history vectors are held to 64 MiB
_MOST_KNOWN = 1 << 27  # cosines kept of a side: 512 MiB, as far as they are asked for; catalogues up to 11,585 items
_BLOCK = 64  # rows worked out together


class _Cosines:
    """Cosines between items by one side's vectors, float32 (n_items, d): of unit length, or zero for an item without.

    Where the whole matrix fits into memory, a block of its rows is worked out when one of them is first asked for, and
    an answer is a look-up afterwards; in a larger catalogue each pair is multiplied out. A row always comes from the
    same product, so answers do not depend on what was asked together.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._present = np.any(vectors != 0, axis=1, keepdims=True)[:, 0]
        n = len(vectors)
        self._known = np.zeros(-(-n // _BLOCK), dtype=bool)
        self._matrix = np.empty((n, n), dtype=np.float32) if n * n <= _MOST_KNOWN else None

    def of(self, candidates: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines of each candidate (b,) to a row of items: float32 (b, l), -inf where either has no vector."""
        if self._matrix is None:
            return self._multiplied(candidates, items)
        for block in np.unique(candidates // _BLOCK):
            if not self._known[block]:
                rows = slice(block * _BLOCK, (block + 1) * _BLOCK)
                products = self._vectors[rows] @ self._vectors.T
                self._matrix[rows] = np.where(self._present[rows, None] & self._present, products, -np.inf)
                self._known[block] = True
        return self._matrix[candidates[:, None], items]

    def _multiplied(self, candidates: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        cosines = np.empty(items.shape, dtype=np.float32)
        step = max(1, _FLOATS_AT_ONCE // max(1, items.shape[1] * self._vectors.shape[1]))
        for start in range(0, len(candidates), step):
            rows = slice(start, start + step)
            gathered, candidate = self._vectors[items[rows]], self._vectors[candidates[rows]]
            cosines[rows] = np.matmul(gathered, candidate[:, :, None])[:, :, 0]
        return np.where(self._present[items] & self._present[candidates][:, None], cosines, -np.inf)


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
        self._pro = _Cosines(knowledge.pro_vectors)
        self._con = _Cosines(knowledge.con_vectors)

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (b_pos, b_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        """
        return settle(*self._nearest(candidates, histories, self._cosines(candidates, histories)), self.neutral)

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
        cosines = self._cosines(candidates, histories)
        tastes = [_taste(np.where(histories.mask, side, -np.inf), surprises) for side in cosines]
        evidence = settle(*self._nearest(candidates, histories, cosines), self.neutral)
        return evidence, np.stack(tastes, axis=1)

    def _cosines(
        self, candidates: NDArray[np.int64], histories: Histories
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines by pros and by cons, float32 (b, l) each; without meaning on padding."""
        return self._pro.of(candidates, histories.items), self._con.of(candidates, histories.items)

    def _nearest(
        self,
        candidates: NDArray[np.int64],
        histories: Histories,
        cosines: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Highest cosines, float32 (b,) each, -inf where a side has no evidence."""
        relevant = category_history(self._categories, candidates, histories)
        pro, con = cosines
        return (
            np.where(relevant & histories.likes, pro, -np.inf).max(axis=1, initial=-np.inf),
            np.where(relevant & ~histories.likes, con, -np.inf).max(axis=1, initial=-np.inf),
        )


def _taste(cosines: NDArray[np.float32], surprises: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.exp(_SHARPNESS * (cosines - 1))
    return ((weights * surprises).sum(axis=1) / (weights.sum(axis=1) + 1)).astype(np.float32)


def settle(positive: NDArray[np.float32], negative: NDArray[np.float32], neutral: tuple[float, float]) -> Evidence:
    """Evidence from highest cosines of any shape, -inf where a side has none.

    One side without evidence takes its neutral value; where both lack it there is nothing to compare, which is a tie.
    """
    nothing = np.isneginf(positive) & np.isneginf(negative)
    sides = [
        np.where(nothing, 0, np.where(np.isneginf(side), value, side)).astype(np.float32)
        for side, value in zip((positive, negative), neutral, strict=True)
    ]
    return Evidence(*sides)


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
    similarity = Similarity(knowledge, (0.0, 0.0))
    cosines = similarity._cosines(candidates, histories)
    positive, negative = similarity._nearest(candidates, histories, cosines)
    return _finite_median(positive), _finite_median(negative)


def _finite_median(values: NDArray[np.float32]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0
