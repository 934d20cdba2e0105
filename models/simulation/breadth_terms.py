"""Novelty and diversity of one recommendation in a running session: terms that a reward may have.

Novelty is the item's self-information, -log2 of the share of users who reacted to it in training (Zhou et al., PNAS
2010), as a share of that of an item nobody knows. Diversity is the mean of 1 - cosine to the items recommended before
in the session (Ziegler et al., WWW 2005), by pro keywords; 0 for the first, and for an item without keywords.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.simulation.simulator import UserSimulator


def self_information(simulator: UserSimulator, catalogue: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log2 of the share of users who reacted to each item of the catalogue in training, in bits: float64 (n,).

    Every item counts as rated by one user more than it was.
    """
    counts = np.bincount(simulator.interactions.items, minlength=simulator.n_items)[catalogue]
    return -np.log2(np.minimum((counts + 1) / (simulator.n_users + 1), 1))


class StepBreadth:
    """What b sessions recommended so far, as sums of unit vectors.

    Parameters
    ----------
    simulator
        The audience.
    catalogue
        int64 array of shape (n_actions,): the item of each action.
    n_sessions
        b.
    """

    def __init__(self, simulator: UserSimulator, catalogue: NDArray[np.int64], n_sessions: int) -> None:
        most = np.log2(simulator.n_users + 1)
        self._novelties = (self_information(simulator, catalogue) / most).astype(np.float32)
        self._vectors = simulator.knowledge.pro_vectors[catalogue]
        self._sums = np.zeros((n_sessions, self._vectors.shape[1]), dtype=np.float32)
        self._counts = np.zeros(n_sessions, dtype=np.int64)

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Forget what the sessions in `rows` recommended."""
        self._sums[rows], self._counts[rows] = 0, 0

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the sessions in `rows` only, in that order."""
        self._sums, self._counts = self._sums[rows], self._counts[rows]

    def terms(
        self, rows: NDArray[np.int64], actions: NDArray[np.int64], weights: tuple[float, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Novelty and diversity of what is recommended in `rows`, for all sessions: float32 (b,) each.

        They are 0 elsewhere, and where their weight is 0.
        """
        novelties, diversities = np.zeros((2, len(self._counts)), dtype=np.float32)
        if weights[0]:
            novelties[rows] = self.novelties(actions)
        if weights[1]:
            diversities[rows] = self.diversities(rows, actions)
        return novelties, diversities

    def novelties(self, actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Novelty of what each session recommends: float32 (b,), from 0 to 1."""
        return self._novelties[actions]

    def diversities(self, rows: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Diversity of what the sessions in `rows` recommend, which joins what they did: float32 (b,), from 0 to 1.

        Vectors that point apart count as at right angles.
        """
        vectors = self._vectors[actions]
        described = vectors.any(axis=1)
        cosines = (self._sums[rows] * vectors).sum(axis=1) / np.maximum(self._counts[rows], 1)
        diversities = np.where(described & (self._counts[rows] > 0), (1 - cosines).clip(0, 1), 0)
        self._sums[rows] += vectors
        self._counts[rows] += described
        return diversities.astype(np.float32)
