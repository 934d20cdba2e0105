"""How much of what a user reacted to of late shares a category with a candidate: what boredom comes from.

That people tire of a kind of thing that they had a moment ago, and want it again later, is variety seeking (McAlister,
Journal of Consumer Research 1982; in recommendation: Kapoor et al., "Just in time recommendations", WSDM 2015).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories, last
from models.kernels.compiled import loop

MEMORY = 5  # reactions that the response models take for recent


class RecentCategories:
    """Categories of a candidate among those of a user's last reactions.

    Parameters
    ----------
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    memory
        Last reactions that count.
    """

    def __init__(self, categories: csr_array, memory: int = MEMORY) -> None:
        by_item = csr_array(categories)
        self.memory = memory
        self._starts, self._categories = by_item.indptr.astype(np.int64), by_item.indices.astype(np.int64)

    def shares(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """Share of the last `memory` reactions to items that have a category in common with the candidate.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories; reactions that a short one lacks share nothing.

        Returns
        -------
        float32 array of shape (b,), 0 to 1.
        """
        recent = np.ascontiguousarray(last(histories, self.memory).items)
        return _shared(self._starts, self._categories, candidates, recent) / np.float32(self.memory)


@loop
def _shared(
    starts: NDArray[np.int64],
    categories: NDArray[np.int64],
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
) -> NDArray[np.float32]:
    """How many of the items (b, l) share a category with the candidate (b,) of their row: float32 (b,)."""
    counts = np.zeros(len(candidates), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        for t in range(items.shape[1]):
            item, shared = items[row, t], False
            if item == NO_ITEM:
                continue
            for own in range(starts[candidate], starts[candidate + 1]):
                for other in range(starts[item], starts[item + 1]):
                    shared = shared or categories[own] == categories[other]
            counts[row] += 1 if shared else 0
    return counts
