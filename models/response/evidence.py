"""Evidence for and against liking a candidate, and the part of a history that it is drawn from.

Source: arXiv 2412.16984, the logical models f_mat and f_sim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import loop
from models.kernels.prefetch import prefetch_next


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against each of a batch of candidates.

    Parameters
    ----------
    positive, negative
        float32 arrays of shape (b,), on one scale: shared keywords, or cosines.
    """

    positive: NDArray[np.float32]
    negative: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.positive)

    @classmethod
    def concatenated(cls, parts: Sequence[Evidence]) -> Evidence:
        """Evidence of consecutive rows as one."""
        return cls(np.concatenate([part.positive for part in parts]), np.concatenate([part.negative for part in parts]))

    def values(self) -> NDArray[np.float32]:
        """float32 array of shape (b,): 1 where more speaks for than against, 0 where less, 0.5 on a tie."""
        return ((np.sign(self.positive - self.negative) + 1) / 2).astype(np.float32)


def category_history(categories: PackedSets, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.bool_]:
    """h_C: the interactions that share a category with the candidate, or all of them where none does.

    Parameters
    ----------
    categories
        Every item's categories.
    candidates
        int64 array of shape (b,).
    histories
        b histories, padded to width l.

    Returns
    -------
    bool array of shape (b, l), False on padding.
    """
    return category_histories(categories.words, candidates, np.ascontiguousarray(histories.items))


@loop
def category_histories(
    words: NDArray[np.uint64], candidates: NDArray[np.int64], items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """`category_history` of items (b, l) by the categories' `PackedSets.words`."""
    relevant = np.empty(items.shape, dtype=np.bool_)
    for row, candidate in enumerate(candidates):
        prefetch_next(words, items, row)
        any_shared = False
        for t in range(items.shape[1]):
            item, shared = items[row, t], False
            if item != NO_ITEM:
                for word in range(words.shape[1]):
                    shared |= words[candidate, word] & words[item, word] != 0
            relevant[row, t] = shared
            any_shared |= shared
        if not any_shared:
            for t in range(items.shape[1]):
                relevant[row, t] = items[row, t] != NO_ITEM
    return relevant
