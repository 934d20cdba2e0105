"""Sets as packed bits: how many members do two items' sets share, for whole batches at once."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_ROWS_AT_ONCE = 1024


class PackedSets:
    """One set an item (its keywords, its categories), 64 members a machine word.

    Parameters
    ----------
    membership
        Sparse matrix of shape (n_items, n_members); an entry above 0 makes the column a member of the row's set.
    """

    def __init__(self, membership: csr_array) -> None:
        n_items, n_members = cast("tuple[int, int]", membership.shape)  # scipy declares no type for it
        self._words = np.zeros((n_items, max(1, -(-n_members // 64))), dtype=np.uint64)
        for start in range(0, n_items, _ROWS_AT_ONCE):
            dense = membership[start : start + _ROWS_AT_ONCE].toarray() > 0
            packed = np.packbits(dense, axis=1)
            packed = np.pad(packed, ((0, 0), (0, self._words.shape[1] * 8 - packed.shape[1])))
            self._words[start : start + _ROWS_AT_ONCE] = packed.view(np.uint64)

    def overlaps(self, items: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sizes of the intersections of each item's set with those of a row of others.

        Parameters
        ----------
        items
            int64 array of shape (b,).
        others
            int64 array of shape (b, l); the result at padding has no meaning and must be masked by the caller.

        Returns
        -------
        int64 array of shape (b, l).
        """
        shared = np.zeros(others.shape, dtype=np.int64)
        for word in self._words.T:  # a word at a time keeps the arrays at (b, l)
            shared += np.bitwise_count(word[items][:, None] & word[others])
        return shared
