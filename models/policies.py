"""Who recommends: random, popularity, item mean and SASRec's own ranking as baselines, and what the agents learned.

The upper line, `greedy`, which asks the simulator itself, stands in models/greedy.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray

from models.item_scorer import ItemScorer, item_like_logits
from models.sessions import SessionBatch


class Policy(ABC):
    """Ranks all items of the catalogue for each running session."""

    @abstractmethod
    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """The higher, the rather recommended: float32 array of shape (b, n_actions)."""

    def actions(self, sessions: SessionBatch) -> NDArray[np.int64]:
        """The best action of each session among those not seen: int64 array of shape (b,)."""
        return self._available(sessions).argmax(axis=1)

    def top_k(self, sessions: SessionBatch, k: int) -> NDArray[np.int64]:
        """The k best actions of each session, best first, seen ones last: int64 array of shape (b, k)."""
        return np.argsort(-self._available(sessions), axis=1, kind="stable")[:, :k]

    def _available(self, sessions: SessionBatch) -> NDArray[np.float32]:
        return np.where(sessions.seen, -np.inf, self.scores(sessions)).astype(np.float32)


class RandomPolicy(Policy):
    """Any item with equal chances.

    Parameters
    ----------
    seed
        Of its choices.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Noise."""
        return self._rng.random(sessions.seen.shape, dtype=np.float32)


class PopularityPolicy(Policy):
    """The item with most likes in training interactions."""

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Numbers of likes."""
        interactions = sessions.simulator.interactions
        likes = np.bincount(interactions.items[interactions.likes], minlength=interactions.n_items)
        return np.broadcast_to(likes[sessions.catalogue].astype(np.float32), sessions.seen.shape)


class ItemMeanPolicy(Policy):
    """The item with the highest like rate in training interactions, each given some reactions at the average."""

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Logits of smoothed like rates."""
        return np.broadcast_to(item_like_logits(sessions), sessions.seen.shape)


class SASRecPolicy(Policy):
    """The item that SASRec finds likeliest to be liked: recommending without reinforcement learning."""

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """SASRec's P(like)."""
        return sessions.simulator.sasrec.catalogue_probabilities(sessions.histories)[:, sessions.catalogue]


class LearnedPolicy(Policy):
    """What an agent learned.

    Parameters
    ----------
    scorer
        Its network, for the catalogue that the sessions have.
    """

    def __init__(self, scorer: ItemScorer) -> None:
        self.scorer = scorer

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Logits or values.

        Raises
        ------
        ValueError
            Where the network was trained for another catalogue.
        """
        if len(self.scorer.biases) != sessions.n_actions:
            raise ValueError(
                f"the policy was trained for {len(self.scorer.biases)} items, the sessions have {sessions.n_actions}; "
                "use the environment settings that it was trained with"
            )
        with torch.inference_mode():
            user = torch.from_numpy(sessions.observations()["user"])
            return self.scorer.scores(user).numpy()
