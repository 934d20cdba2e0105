"""What a list of recommendations is like beside its reward: how unusual, how varied, how evenly spread.

Sources: novelty as self-information (Zhou et al., PNAS 2010), intra-list diversity (Ziegler et al., WWW 2005), the Gini
coefficient of recommendation counts (Fleder and Hosanagar, 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.simulation.breadth_terms import self_information
from models.simulation.session import Sessions


@dataclass(frozen=True)
class Breadth:
    """Facts of the n actions that novelty and diversity rest on.

    Parameters
    ----------
    information
        float64 array of shape (n,): `self_information` of the items, in bits.
    vectors
        float32 array of shape (n, d): unit vectors of the items' pro keywords; zero for an item without any.
    """

    information: NDArray[np.float64]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, sessions: Sessions) -> Self:
        """Facts of the catalogue of `sessions`."""
        simulator, catalogue = sessions.simulator, sessions.catalogue
        return cls(self_information(simulator, catalogue), simulator.knowledge.pro_vectors[catalogue])

    def novelty(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """Mean information of an episode's recommendations, float64 (e,), of counts (e, n) by action."""
        return counts @ self.information / np.maximum(counts.sum(axis=1), 1)

    def diversity(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """Mean of 1 - cosine over pairs of different items of an episode that have vectors: float64 (e,).

        0 where there is no pair.
        """
        chosen = (counts > 0) & self.vectors.any(axis=1)
        sizes = chosen.sum(axis=1)
        sums = chosen.astype(np.float32) @ self.vectors  # |sum v|^2 = sizes + twice the cosines of all pairs
        cosines = ((sums**2).sum(axis=1) - sizes) / np.maximum(sizes * (sizes - 1), 1)
        return np.where(sizes > 1, 1 - cosines, 0.0)


def repetition(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of an episode's recommendations of an item recommended in it before: float64 (e,)."""
    return np.maximum(counts.astype(np.int64) - 1, 0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)


def gini(counts: NDArray[np.number]) -> float:
    """Inequality of counts (n,): 0 where all are equal, towards 1 where one item has everything."""
    total, n = float(counts.sum()), len(counts)
    if not total:
        return 0.0
    ascending = np.sort(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ascending / (n * total))
