"""Items and users as vectors of one small space, and the FAISS index that finds the items nearest to a user.

An item is described as the agents see it (models/simulation/user_vectors.py: keyword embeddings, categories) on the
principal axes of these descriptions, and by the logit of its training like rate; a user by what was liked and disliked
on the same axes.
The inner product of the two is content-based filtering plus how well the item is liked; the items where it is highest
are "nearest". That a policy's action is a point in such a space, resolved to the nearest item, makes catalogues of any
size one action space (Dulac-Arnold et al., arXiv 1512.07679).
"""

from __future__ import annotations

from functools import cached_property

import faiss
import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import loop
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes, principal_axes

_TASTE_RANK = 64
_TASTE_WEIGHT = 10.0  # means over a history are small beside logits of like rates
_PSEUDO_REACTIONS = 5.0
_SPARE = 8  # searched beyond what is needed, so that rounding in FAISS cannot decide who is among the nearest


class ItemSpace:
    """Vectors of a catalogue's items, of size v.

    Parameters
    ----------
    simulator
        The audience.
    catalogue
        int64 array of shape (n_actions,): the items.
    size
        The most that v may be.

    Attributes
    ----------
    vectors
        float32 array of shape (n_actions, v), the longest of length 1.
    """

    def __init__(self, simulator: UserSimulator, catalogue: NDArray[np.int64], size: int) -> None:
        knowledge = simulator.knowledge
        self._tastes = Tastes(knowledge, TasteAxes.of(knowledge, _TASTE_RANK))
        self._axes = np.ascontiguousarray(principal_axes(self._tastes.items, max(1, size - 1)))
        parts = (self._tastes.items[catalogue] @ self._axes, like_logits(simulator)[catalogue][:, None])
        vectors = np.concatenate(parts, axis=1)
        longest = np.linalg.norm(vectors, axis=1).max()
        self.vectors = np.ascontiguousarray(vectors / longest, dtype=np.float32)

    @property
    def size(self) -> int:
        """v."""
        return self.vectors.shape[1]

    @cached_property
    def _index(self) -> faiss.Index:
        index = faiss.IndexFlatIP(self.size)
        index.add(self.vectors)  # type: ignore[call-arg]  # FAISS wraps its own signature
        return index

    def users(self, histories: Histories) -> NDArray[np.float32]:
        """Unit vectors of the users of b histories: float32 (b, v). A row does not depend on its neighbours."""
        return _projected(self._tastes.users(histories), self._axes, _TASTE_WEIGHT)

    def nearest(self, queries: NDArray[np.float32], closed: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
        """The k nearest open items of each query, nearest first, ties by the lower position.

        Parameters
        ----------
        queries
            float32 array of shape (b, v).
        closed
            bool array of shape (b, n_actions): what may not be among them.
        k
            How many.

        Returns
        -------
        int64 array of shape (b, k): positions in the catalogue, `NO_ITEM` where fewer are open.
        """
        n = len(self.vectors)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        best = np.full((len(queries), k), NO_ITEM)
        rows, wanted = np.arange(len(queries)), min(n, 2 * k + _SPARE)
        while len(rows):
            near = self._index.search(queries[rows], wanted)[1]  # type: ignore[call-arg]
            best[rows], counts = _best_open(near, queries[rows], self.vectors, closed[rows], k)
            rows, wanted = rows[counts < k + _SPARE] if wanted < n else rows[:0], min(n, 4 * wanted)
        return best


def like_logits(simulator: UserSimulator, smoothing: float = _PSEUDO_REACTIONS) -> NDArray[np.float32]:
    """Logits of the smoothed like rates in training interactions: float32 array of shape (n_items,).

    Parameters
    ----------
    smoothing
        Interactions at the average like rate that every item is given in addition.
    """
    items, likes = simulator.interactions.items, simulator.interactions.likes
    average = (likes.sum() + 1) / (len(likes) + 2)
    counts = np.bincount(items, minlength=simulator.n_items) + smoothing
    rates = (np.bincount(items, weights=likes, minlength=simulator.n_items) + smoothing * average) / counts
    return np.log(rates / (1 - rates)).astype(np.float32)


@loop
def _projected(tastes: NDArray[np.float32], axes: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """Tastes (b, t) on the axes (t, r), weighted, and a 1 for the like rate, as unit vectors (b, r + 1)."""
    b, r = len(tastes), axes.shape[1]
    vectors = np.ones((b, r + 1), dtype=np.float32)
    sums = np.zeros(r)
    for row in range(b):
        sums[:] = 0
        for k in range(len(axes)):
            taste = tastes[row, k]
            if taste != 0:
                for j in range(r):
                    sums[j] += taste * axes[k, j]
        length = 1.0
        for j in range(r):
            sums[j] *= weight
            length += sums[j] ** 2
        length = np.sqrt(length)
        for j in range(r):
            vectors[row, j] = sums[j] / length
        vectors[row, r] = 1 / length
    return vectors


@loop
def _best_open(
    near: NDArray[np.int64],
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    closed: NDArray[np.bool_],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k best open ones of the items `near` (b, m), by inner products that rounding does not change.

    Returns them, (b, k), and how many of each row's are open, (b,).
    """
    b, m, v = near.shape[0], near.shape[1], vectors.shape[1]
    best, counts = np.full((b, k), NO_ITEM), np.zeros(b, dtype=np.int64)
    kept, scores = np.empty(m, dtype=np.int64), np.empty(m)
    for row in range(b):
        n = 0
        for item in np.sort(near[row]):
            if item >= 0 and not closed[row, item]:
                score = 0.0
                for j in range(v):
                    score += np.float64(queries[row, j]) * np.float64(vectors[item, j])
                kept[n], scores[n] = item, -score
                n += 1
        order = np.argsort(scores[:n], kind="mergesort")
        for j in range(min(k, n)):
            best[row, j] = kept[order[j]]
        counts[row] = n
    return best, counts
