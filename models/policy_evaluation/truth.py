"""The truth of a generated world: how likely each user truly is to like each item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.interactions import Histories
from models.simulation.session import Sessions


@dataclass(frozen=True)
class Truth:
    """What only generated worlds have.

    Parameters
    ----------
    probabilities
        float32 array of shape (n_users, n_items): P(like).
    """

    probabilities: NDArray[np.float32]

    def of(self, users: NDArray[np.int64], items: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like) of b pairs, float32 (b,), of users who remember `histories`, which change nothing in this world."""
        return self.probabilities[users, items]


class GreedyTruthPolicy(Policy):
    """The bound: the item that the user truly likes best now."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """True P(like)."""
        b, n = sessions.seen.shape
        rows = np.repeat(np.arange(b), n)
        items = np.tile(sessions.catalogue, b)
        return self.truth.of(sessions.users[rows], items, sessions.histories[rows]).reshape(b, n)
