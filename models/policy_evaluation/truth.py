"""The truth of a generated world: how likely each user truly is to like each item, now.

A rating is the rounded sum of a utility and normal noise (storage/sample/world.py), so where a place loses stars by
boredom, with p the P(like) of a user who remembers no visit and s the share of the last visits that were to places of
its category,

    P(like) = Phi(Phi^-1(p) - boredom / noise * s)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from models.agents.policies import Policy
from models.estimators.recent_categories import RecentCategories
from models.interactions import Histories, Interactions, last
from models.simulation.session import Sessions


@dataclass(frozen=True)
class Boredom:
    """How much less users like what is of the categories that they had of late.

    Parameters
    ----------
    loss
        What a place loses where all recent visits were to places of its category, in standard deviations of the noise.
    recent
        Which visits are recent, and what they share.
    """

    loss: float
    recent: RecentCategories


@dataclass(frozen=True)
class Truth:
    """What only generated worlds have.

    Parameters
    ----------
    probabilities
        float32 array of shape (n_users, n_items): P(like) of users who remember no visit.
    boredom
        None where nothing that users remember changes what they like.
    """

    probabilities: NDArray[np.float32]
    boredom: Boredom | None = None

    @property
    def memory(self) -> int:
        """Last reactions of a history that P(like) depends on."""
        return 0 if self.boredom is None else self.boredom.recent.memory

    def of(self, users: NDArray[np.int64], items: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like) of b pairs, float32 (b,), of users who remember `histories`."""
        static = self.probabilities[users, items]
        if self.boredom is None:
            return static
        lost = self.boredom.loss * self.boredom.recent.shares(items, histories)
        return ndtr(ndtri(static) - lost).astype(np.float32)

    def after(self, past: Interactions, pairs: Interactions) -> NDArray[np.float32]:
        """P(like) of n pairs, float32 (n,), of users who remember their `past` interactions and none that came later.

        It is what a model can know at best that is given these.
        """
        return self.of(pairs.users, pairs.items, past.histories(pairs.users, max(1, self.memory)))


class GreedyTruthPolicy(Policy):
    """The bound: the item that the user truly likes best now."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """True P(like)."""
        b, n = sessions.seen.shape
        rows = np.repeat(np.arange(b), n)
        items = np.tile(sessions.catalogue, b)
        recent = last(sessions.histories, self.truth.memory)
        return self.truth.of(sessions.users[rows], items, recent[rows]).reshape(b, n)
