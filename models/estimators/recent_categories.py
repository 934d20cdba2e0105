"""How much of what a user reacted to of late shares a category with a candidate, and what that adds to P(like).

That people tire of a kind of thing that they had a moment ago, and want it again later, is variety seeking (McAlister,
Journal of Consumer Research 1982; in recommendation: Kapoor et al., "Just in time recommendations", WSDM 2015). Where
they want more of the same, the weight is positive.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import LogisticModel
from models.interactions import NO_ITEM, Histories, Interactions, last
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import loop

MEMORY = 5  # reactions that the response models take for recent
_PENALTY = 100.0  # L2 penalty of the standardised weights, in reactions


class RecentCategories:
    """Categories of a candidate among those of a user's last reactions.

    Parameters
    ----------
    categories
        Every item's categories.
    memory
        Last reactions that count.
    """

    def __init__(self, categories: PackedSets, memory: int = MEMORY) -> None:
        self.categories, self.memory = categories, memory

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
        return _sharing(self.categories.words, candidates, recent) / np.float32(self.memory)


class CategoryRecency:
    """What recent reactions to its categories add to the logit of a candidate's P(like): weight times their share.

    Parameters
    ----------
    recent
        The shares.
    weight
        Logit where all recent reactions share a category with the candidate, beyond what all reactions together say.
    """

    def __init__(self, recent: RecentCategories, weight: float = 0.0) -> None:
        self.recent, self.weight = recent, weight

    def fit(self, train: Interactions, logits: NDArray[np.float32]) -> Self:
        """Learn the weight from training interactions, each given those before it.

        Parameters
        ----------
        train
            n interactions.
        logits
            float32 array of shape (n,): of P(like) by all else, as if the interaction and later ones were unknown.
        """
        shares = self.recent.shares(train.items, _preceding(train, self.recent.memory))
        names = "else", "share"
        model = LogisticModel.fit(names, np.stack([logits, shares], axis=1), train.likes, penalty=_PENALTY)
        self.weight = model.coefficients[1] / model.scales[1]
        return self

    def logits(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """What candidates (b,) gain or lose by the histories in their rows: float32 (b,)."""
        return np.float32(self.weight) * self.recent.shares(candidates, histories)


def _preceding(interactions: Interactions, n: int) -> Histories:
    """The n interactions of the same user before each one."""
    rows = np.arange(len(interactions))
    counts = np.minimum(rows - interactions.offsets[interactions.users], n)
    places = (rows - counts)[:, None] + np.arange(n)
    there = np.arange(n) < counts[:, None]
    places = np.where(there, places, 0)
    return Histories(np.where(there, interactions.items[places], NO_ITEM), interactions.likes[places] & there)


@loop
def _sharing(words: NDArray[np.uint64], candidates: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
    """How many of the items (b, l) share a category with the candidate (b,) of their row: float32 (b,)."""
    counts = np.zeros(len(candidates), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        for t in range(items.shape[1]):
            item, shared = items[row, t], False
            if item != NO_ITEM:
                for word in range(words.shape[1]):
                    shared |= words[candidate, word] & words[item, word] != 0
            counts[row] += shared
    return counts
