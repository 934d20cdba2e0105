"""What an agent recommends by: an item's score is a product with its embedding, not a weight row of its own.

    score(s, i) = c (<h + f(s), e_i> + b_i),    h = SASRec's state, part of the observation

e_i starts as SASRec's item vector and b_i as the logit of the item's training like rate, f at zero: the agent begins
with what SASRec knows and learns what the reward adds. Sharing e_i lets a reaction to one item teach about the like,
which is what makes hundreds of actions learnable in tens of thousands of steps. Items that would earn nothing (the
observation's "seen") are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.sessions import SessionBatch

MASKED_LOGIT = -1e8  # its probability is exactly 0


@dataclass(frozen=True)
class ItemPrior:
    """What is known of the n actions before any recommendation.

    Parameters
    ----------
    vectors
        float32 array of shape (n, d): SASRec's item vectors.
    biases
        float32 array of shape (n,): logit of the smoothed like rate in training interactions.
    """

    vectors: NDArray[np.float32]
    biases: NDArray[np.float32]

    @classmethod
    def of(cls, sessions: SessionBatch, smoothing: float = 5.0) -> ItemPrior:
        """The prior for the catalogue of `sessions`.

        Parameters
        ----------
        smoothing
            Interactions at the average like rate that every item is given in addition.
        """
        return cls(sessions.simulator.sasrec.item_vectors()[sessions.catalogue], item_like_logits(sessions, smoothing))


def item_like_logits(sessions: SessionBatch, smoothing: float = 5.0) -> NDArray[np.float32]:
    """Logits of the smoothed like rates in training interactions: float32 array of shape (n_actions,).

    Parameters
    ----------
    smoothing
        Interactions at the average like rate that every item is given in addition.
    """
    simulator = sessions.simulator
    items, likes = simulator.interactions.items, simulator.interactions.likes
    average = (likes.sum() + 1) / (len(likes) + 2)
    counts = np.bincount(items, minlength=simulator.n_items) + smoothing
    rates = (np.bincount(items, weights=likes, minlength=simulator.n_items) + smoothing * average) / counts
    return np.log(rates / (1 - rates)).astype(np.float32)[sessions.catalogue]


class ItemScorer(nn.Module):
    """Scores of n actions from features, the observation's "user" (p numbers) and "seen" (n) side by side.

    Parameters
    ----------
    prior
        Starting values of embeddings and biases.
    user_size
        p; the first d of them are SASRec's state.
    hidden
        Width of f's hidden layer.
    scale
        Starting value of c.
    masked
        Score of seen items in `forward`.
    """

    def __init__(
        self, prior: ItemPrior, user_size: int, hidden: int, scale: float = 1.0, masked: float = MASKED_LOGIT
    ) -> None:
        super().__init__()
        d = prior.vectors.shape[1]
        self.user_size, self.masked = user_size, masked
        self.embeddings = nn.Parameter(torch.from_numpy(prior.vectors.copy()))
        self.biases = nn.Parameter(torch.from_numpy(prior.biases.copy()))
        self.scale = nn.Parameter(torch.tensor([scale]))
        last = nn.Linear(hidden, d)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.shift = nn.Sequential(nn.Linear(user_size, hidden), nn.Tanh(), last)

    def scores(self, user: Tensor) -> Tensor:
        """Scores (b, n) of all actions for user states (b, p), nothing masked."""
        query = user[:, : self.embeddings.shape[1]] + self.shift(user)  # (b, d)
        return self.scale * (query @ self.embeddings.T + self.biases)

    def forward(self, features: Tensor) -> Tensor:
        """Scores (b, n) for features (b, p + n)."""
        user, seen = split(features, len(self.biases))
        return self.scores(user).masked_fill(seen > 0, self.masked)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All learned values, for a checkpoint."""
        return {name: tensor.numpy(force=True).copy() for name, tensor in self.state_dict().items()}

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the values of `arrays`.

        Raises
        ------
        ValueError
            Where names or shapes differ from those of this network.
        """
        try:
            self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise ValueError(f"not the arrays of this network: {error}") from error


def split(features: Tensor, n_actions: int) -> tuple[Tensor, Tensor]:
    """Features (b, p + n) as user (b, p) and seen (b, n)."""
    return features[:, :-n_actions], features[:, -n_actions:]
