"""Sets as packed bits: whether two items' sets share a member is an AND of a few machine words."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_ROWS_AT_ONCE = 1024


class PackedSets:
    """One set an item (its categories, say), 64 members a machine word.

    Parameters
    ----------
    membership
        Sparse matrix of shape (n_items, n_members); an entry above 0 makes the column a member of the row's set.

    Attributes
    ----------
    words
        uint64 array of shape (n_items, at least n_members / 64): member k is bit k % 64 of word k // 64.
    """

    words: NDArray[np.uint64]

    def __init__(self, membership: csr_array) -> None:
        n_items, n_members = cast("tuple[int, int]", membership.shape)  # scipy declares no type for it
        self.words = np.zeros((n_items, max(1, -(-n_members // 64))), dtype=np.uint64)
        for start in range(0, n_items, _ROWS_AT_ONCE):
            dense = membership[start : start + _ROWS_AT_ONCE].toarray() > 0
            packed = np.packbits(dense, axis=1, bitorder="little")
            packed = np.pad(packed, ((0, 0), (0, self.words.shape[1] * 8 - packed.shape[1])))
            self.words[start : start + _ROWS_AT_ONCE] = packed.view(np.uint64)
