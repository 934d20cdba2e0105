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

TIE = np.float32(1e-5)
"""Evidence for and against that differ by no more than this are equal: the last bits of a cosine are rounding."""


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

    def __getitem__(self, rows: NDArray[np.int64]) -> Evidence:
        return Evidence(self.positive[rows], self.negative[rows])

    @classmethod
    def concatenated(cls, parts: Sequence[Evidence]) -> Evidence:
        """Evidence of consecutive rows as one."""
        return cls(np.concatenate([part.positive for part in parts]), np.concatenate([part.negative for part in parts]))

    def values(self) -> NDArray[np.float32]:
        """float32 array of shape (b,): 1 where more speaks for than against, 0 where less, 0.5 on a tie."""
        return ((np.sign(self.surplus()) + 1) / 2).astype(np.float32)

    def surplus(self) -> NDArray[np.float32]:
        """float32 array of shape (b,): how much more speaks for than against, 0 on a tie."""
        surplus = self.positive - self.negative
        return np.where(np.abs(surplus) <= TIE, np.float32(0), surplus)


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
    return _in_category(categories.words, candidates, np.ascontiguousarray(histories.items))


@loop
def _in_category(
    words: NDArray[np.uint64], candidates: NDArray[np.int64], items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    relevant = np.empty(items.shape, dtype=np.bool_)
    for row, candidate in enumerate(candidates):
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
