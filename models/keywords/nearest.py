"""Exact search for the nearest of many vectors, through a FAISS index.

FAISS narrows the search down; what it returns is scored again from the vectors themselves, so that neither the order of
its sums nor ties decide the result: it equals that of comparing with every vector.
"""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

_TOLERANCE = np.float32(1e-5)  # more than FAISS and NumPy differ in the inner product of two unit vectors
_SPARE = 8  # results beyond k in the first search: ties at the k-th place are rarely longer


class NearbyPairs(NamedTuple):
    """Pairs of rows, the first below the second, and their inner products: int64, int64 and float32 (p,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float32]


class NearestVectors:
    """Rows of a table of unit vectors by how near they are to each other.

    Parameters
    ----------
    vectors
        float32 array of shape (n, d): rows of unit length, or of zeros, which are near to nothing.
    index
        An inner-product index of the rows that are not zero, whose ids are row numbers, such as one that was read from
        a file; built where not given.
    """

    def __init__(self, vectors: NDArray[np.float32], index: faiss.Index | None = None) -> None:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._has_vector: NDArray[np.bool_] = np.any(self._vectors != 0, axis=1)
        n_rows = int(self._has_vector.sum())
        if index is not None and (index.d, index.ntotal) != (self._vectors.shape[1], n_rows):
            raise ValueError(
                f"index: found {index.ntotal} vectors of length {index.d}, expected {n_rows} of length "
                f"{self._vectors.shape[1]}; build the index from the same vectors"
            )
        self._index = self._built() if index is None else index
        for row in np.flatnonzero(self._has_vector)[[0, -1] if n_rows else []].tolist():
            if not np.allclose(self._index.reconstruct(row), self._vectors[row], atol=float(_TOLERANCE)):
                raise ValueError(
                    f"index: its vector of row {row} is another one; build the index from the same vectors"
                )

    def nearest(self, row: int, among: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k rows of `among` that are nearest to a row, nearest first; of equals, the earlier one in `among`.

        Parameters
        ----------
        row
            Row number of the query.
        among
            int64 array of shape (m,): distinct row numbers.
        k
            At least 1.

        Returns
        -------
        int64 (at most k,) row numbers and float32 inner products; none where the row is zero.
        """
        among = among[self._has_vector[among]]
        if not self._has_vector[row] or not len(among):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        candidates = among[np.isin(among, self._candidates(row, among, k))]  # in the order of `among`
        cosines = self._vectors[candidates] @ self._vectors[row]
        order = np.argsort(-cosines, kind="stable")[:k]
        return candidates[order], cosines[order]

    def pairs_within(self, least: float) -> NearbyPairs:
        """All pairs of rows with an inner product of at least `least`, sorted by first and second row."""
        rows = np.flatnonzero(self._has_vector)
        limits, _, ids = self._index.range_search(self._vectors[rows], least - float(_TOLERANCE))
        first, second = np.repeat(rows, np.diff(limits.astype(np.int64))), ids.astype(np.int64)
        cosines = np.einsum("pd,pd->p", self._vectors[first], self._vectors[second])
        chosen = np.flatnonzero((first < second) & (cosines >= least))
        chosen = chosen[np.lexsort((second[chosen], first[chosen]))]
        return NearbyPairs(first[chosen], second[chosen], cosines[chosen])

    def _candidates(self, row: int, among: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """At least the k nearest and all that tie with the last of them."""
        selected = faiss.SearchParameters(sel=faiss.IDSelectorBatch(among))  # pyright: ignore - SWIG hides the parameter
        width = k + _SPARE
        while True:
            width = min(width, len(among))
            scores, ids = self._index.search(self._vectors[row : row + 1], width, params=selected)
            if width == len(among) or scores[0, -1] < scores[0, k - 1] - _TOLERANCE:
                return ids[0]
            width *= 2

    def _built(self) -> faiss.Index:
        rows = np.flatnonzero(self._has_vector)
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(self._vectors.shape[1]))
        index.add_with_ids(self._vectors[rows], rows)  # pyright: ignore - SWIG hides the signature
        return index
