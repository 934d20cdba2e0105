"""Similarity, f_sim: is the candidate closer, in embedding space, to something liked or disliked.

Source: arXiv 2412.16984. With E an item's mean-pooled keyword embedding and h_C the history in its category,
b_pos = max cosine of Epos(c) to the liked items' Epos, b_neg = max cosine of Eneg(c) to the disliked items' Eneg.
Where one side has no evidence (nothing disliked in h_C, say), the other is compared with its own neutral value: the
cosine with which a side that stands alone says yes to as large a share of training pairs as users like. So a history of
likes only is still answered by how close the candidate comes, and an empty side never decides, however few items it
knows. Without evidence on either side it is a tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import vector_loop
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence, category_history

SHARPNESS = np.float32(10.0)  # of the kernel: an item at cosine 0.9 counts 1 / e of one at 1
_MOST_TABLED = 1 << 27  # cosines kept of a side: 512 MiB at most, for catalogues of up to 11,585 items
_ROWS_AT_ONCE = 64  # of the table


class Cosines:
    """Cosines between the items' vectors of one side.

    Those of a small catalogue are kept in a table, a block of whose rows is worked out when one of them is first
    needed.

    Parameters
    ----------
    vectors
        float32 array of shape (n, d): unit vectors, zero where an item has none.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        n = len(vectors)
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._present = np.any(vectors != 0, axis=1)
        self._table = np.empty((n, n), dtype=np.float32) if n * n <= _MOST_TABLED else None
        self._missing = np.ones(-(-n // _ROWS_AT_ONCE), dtype=bool)

    def __call__(self, candidates: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of each candidate (b,) to the items (b, l) in its row.

        Returns
        -------
        float32 array of shape (b, l): -inf on padding and where either item has no vector.
        """
        if self._table is None:
            cosines = _products(self._vectors, candidates, np.ascontiguousarray(items))
        else:
            self._complete(candidates)
            cosines = self._table[candidates[:, None], items]
        there = (items != NO_ITEM) & self._present[items] & self._present[candidates][:, None]
        return np.where(there, cosines, np.float32(-np.inf))

    def _complete(self, candidates: NDArray[np.int64]) -> None:
        """Work out the rows of the table that the candidates are in."""
        if self._table is None or not self._missing.any():
            return
        for block in np.unique(candidates // _ROWS_AT_ONCE):
            if self._missing[block]:
                rows = slice(block * _ROWS_AT_ONCE, (block + 1) * _ROWS_AT_ONCE)
                self._table[rows] = self._vectors[rows] @ self._vectors.T
                self._missing[block] = False


class Similarity:
    """Nearest liked and nearest disliked item, by cosine of keyword embeddings.

    Parameters
    ----------
    knowledge
        Embeddings of all items.
    neutral
        Values of b_pos and b_neg that speak neither for nor against: what a side is compared with where the other has
        no evidence; see `neutral_values`.
    """

    def __init__(self, knowledge: ItemKnowledge, neutral: tuple[float, float]) -> None:
        self.neutral = neutral
        self._sides = Cosines(knowledge.pro_vectors), Cosines(knowledge.con_vectors)

    def cosines(
        self, candidates: NDArray[np.int64], histories: Histories
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines of the candidates (b,) to the items of b histories by pros and by cons: float32 (b, l) each."""
        pro, con = (side(candidates, histories.items) for side in self._sides)
        return pro, con

    def evidence(
        self,
        cosines: tuple[NDArray[np.float32], NDArray[np.float32]],
        histories: Histories,
        relevant: NDArray[np.bool_],
    ) -> Evidence:
        """Evidence (b_pos, b_neg) of candidates for the users with these histories.

        Parameters
        ----------
        cosines
            See `cosines`.
        histories
            b histories.
        relevant
            bool array of shape (b, l): h_C, see `category_history`.

        Returns
        -------
        A side without evidence has the neutral value of the other; 0 and 0 where neither has evidence.
        """
        positive, negative = nearest(cosines, histories, relevant)
        lacks_positive, lacks_negative = positive == -np.inf, negative == -np.inf
        neither = lacks_positive & lacks_negative
        evidence = (
            np.where(lacks_positive, self.neutral[1], positive),
            np.where(lacks_negative, self.neutral[0], negative),
        )
        return Evidence(*(np.where(neither, 0, side).astype(np.float32) for side in evidence))


def nearest(
    cosines: tuple[NDArray[np.float32], NDArray[np.float32]], histories: Histories, relevant: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Highest cosine to a liked item by pros and to a disliked one by cons: float32 (b,) each, -inf without any."""
    pro, con = cosines
    likes = histories.likes
    positive = np.where(relevant & likes, pro, -np.inf).max(axis=1, initial=-np.inf)
    negative = np.where(relevant & ~likes, con, -np.inf).max(axis=1, initial=-np.inf)
    return positive.astype(np.float32), negative.astype(np.float32)


def similarity_taste(cosines: NDArray[np.float32], surprises: NDArray[np.float32]) -> NDArray[np.float32]:
    """How the user rates what is similar to the candidate on one side: float32 (b,).

    A kernel regression (Nadaraya 1964, Watson 1964) over the whole history: the mean surprise of its items, each
    weighed by exp(10 (cosine - 1)), with one more item of surprise 0.

    Parameters
    ----------
    cosines
        float32 array of shape (b, l): of the candidate to the history's items; -inf counts nothing.
    surprises
        float32 array of shape (b, l): `ReactionStatistics.surprises`.
    """
    weights = np.exp(SHARPNESS * (cosines - np.float32(1)))
    return (weights * surprises).sum(axis=1) / (1 + weights.sum(axis=1))


def neutral_values(
    knowledge: ItemKnowledge, train: Interactions, max_history: int, seed: int, n_pairs: int = 20_000
) -> tuple[float, float]:
    """Cosines at which b_pos and b_neg speak neither way: the quantiles where a side alone likes as often as users do.

    They are the (1 - l)-quantile of b_pos, above which is a like, and the l-quantile of b_neg, below which is one; l is
    the share of likes. Training pairs are each judged by the rest of its user's training history.

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
    The two values; 0 for a side that never has evidence.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(train))[:n_pairs])
    if not len(rows):
        return 0.0, 0.0
    similarity, categories = Similarity(knowledge, (0.0, 0.0)), PackedSets(knowledge.categories)
    values: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for part, histories in train.histories_by_parts(train.users[rows], max_history):
        candidates = train.items[rows[part]]
        others = histories.items != candidates[:, None]
        rest = Histories(np.where(others, histories.items, NO_ITEM), histories.likes & others)
        cosines = similarity.cosines(candidates, rest)
        values.append(nearest(cosines, rest, category_history(categories, candidates, rest)))
    positive, negative = (np.concatenate(side) for side in zip(*values, strict=True))
    like_rate = float(train.likes[rows].mean())
    return _finite_quantile(positive, 1 - like_rate), _finite_quantile(negative, like_rate)


def _finite_quantile(values: NDArray[np.float32], share: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if len(finite) else 0.0


@vector_loop
def _products(
    vectors: NDArray[np.float32], candidates: NDArray[np.int64], items: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Inner products of each candidate's vector and those of the items (b, l) in its row; 0 on padding."""
    products = np.zeros(items.shape, dtype=np.float32)
    for row, candidate in enumerate(candidates):
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                own, other, product = vectors[candidate], vectors[items[row, t]], np.float32(0)
                for k in range(len(own)):
                    product += own[k] * other[k]
                products[row, t] = product
    return products
