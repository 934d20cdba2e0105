"""What an agent recommends by: an item's score is a product with its vectors, not a weight row of its own.

    score(s, i) = c (<h + f(s), e_i> + <w u + g(s), t_i> + b_i)

h is SASRec's state, u ten times the user's taste (models/simulation/user_vectors.py), with a weight w for each of its
blocks. e_i starts
as SASRec's item vector, t_i as the item's description on the axes of taste, b_i as the logit of its training like rate,
w at 1, f and g at zero: the agent begins with what is known and learns what the reward adds. Sharing e_i and t_i lets a
reaction to one item teach about the like, which is what makes hundreds of actions learnable in tens of thousands of
steps. Without u all users look nearly alike to the agent, and it learns hardly more than which items are popular. Items
that would earn nothing (the observation's "seen") are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.agents.distributions import masked
from models.simulation.item_space import like_logits
from models.simulation.session import Sessions
from models.simulation.user_vectors import Tastes

_TASTE_SCALE = 10.0  # means over a history are small: what w = 1 stands for


@dataclass(frozen=True)
class ItemPrior:
    """What is known of the n actions before any recommendation.

    Parameters
    ----------
    vectors
        float32 array of shape (n, d): SASRec's item vectors.
    biases
        float32 array of shape (n,): logit of the smoothed like rate in training interactions.
    tastes
        float32 array of shape (n, t): the items on the axes of taste.
    blocks
        Sizes of the blocks that these are made of; they add up to t.
    """

    vectors: NDArray[np.float32]
    biases: NDArray[np.float32]
    tastes: NDArray[np.float32]
    blocks: tuple[int, ...]

    @classmethod
    def of(cls, sessions: Sessions, tastes: Tastes) -> ItemPrior:
        """The prior for the catalogue of `sessions`."""
        simulator, rows = sessions.simulator, sessions.catalogue
        vectors = simulator.sasrec.item_vectors()[rows]
        return cls(vectors, like_logits(simulator)[rows], tastes.items[rows], tastes.sizes)

    def state_size(self, features_size: int) -> int:
        """Length p + t of a state."""
        return features_size - len(self.biases)

    def parts(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (b, p + t + n) as state (b, p + t) and seen (b, n)."""
        return split(features, len(self.biases))

    def scorer(self, features_size: int, hidden: int, scale: float) -> ItemScorer:
        """A network for features of that size; see `ItemScorer`."""
        return ItemScorer(self, self.state_size(features_size) - self.tastes.shape[1], hidden, scale)

    @classmethod
    def empty(cls, n_actions: int, vector_size: int, blocks: tuple[int, ...]) -> ItemPrior:
        """Zeros, for a network whose values are loaded."""
        zeros = np.zeros((n_actions, vector_size + sum(blocks)), dtype=np.float32)
        return cls(zeros[:, :vector_size], np.zeros(n_actions, dtype=np.float32), zeros[:, vector_size:], blocks)


class ItemScorer(nn.Module):
    """Scores of n actions from features: "user" (p numbers), "taste" (t) and "seen" (n) side by side.

    Parameters
    ----------
    prior
        Starting values of vectors and biases.
    user_size
        p; the first d of them are SASRec's state.
    hidden
        Width of the hidden layer of f and g.
    scale
        Starting value of c.
    """

    blocks: Tensor

    def __init__(self, prior: ItemPrior, user_size: int, hidden: int, scale: float = 1.0) -> None:
        super().__init__()
        self.user_size, self.hidden = user_size, hidden
        self.taste_size, self.block_sizes = prior.tastes.shape[1], prior.blocks
        self.embeddings = nn.Parameter(torch.from_numpy(prior.vectors.copy()))
        self.tastes = nn.Parameter(torch.from_numpy(prior.tastes.copy()))
        self.biases = nn.Parameter(torch.from_numpy(prior.biases.copy()))
        self.scale = nn.Parameter(torch.tensor([scale]))
        self.taste_weights = nn.Parameter(torch.ones(len(prior.blocks)))
        self.register_buffer(
            "blocks", torch.arange(len(prior.blocks)).repeat_interleave(torch.tensor(prior.blocks)), persistent=False
        )
        last = nn.Linear(hidden, self.embeddings.shape[1] + self.taste_size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.shift = nn.Sequential(nn.Linear(user_size + self.taste_size, hidden), nn.Tanh(), last)

    def scores(self, state: Tensor) -> Tensor:
        """Scores (b, n) of all actions for states (b, p + t), nothing masked."""
        h, u = state[:, : self.embeddings.shape[1]], state[:, self.user_size :]
        u = _TASTE_SCALE * u * self.taste_weights[self.blocks]
        query = torch.cat([h, u], dim=1) + self.shift(state)  # (b, d + t)
        vectors = torch.cat([self.embeddings, self.tastes], dim=1)
        return self.scale * (query @ vectors.T + self.biases)

    def unmasked(self, features: Tensor) -> Tensor:
        """Scores (b, n) for features (b, p + t + n), nothing masked."""
        return self.scores(split(features, len(self.biases))[0])

    def forward(self, features: Tensor) -> Tensor:
        """Scores (b, n) for features (b, p + t + n), what was seen masked: never drawn, never the highest."""
        state, seen = split(features, len(self.biases))
        return masked(self.scores(state), seen)

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
    """Features (b, p + t + n) as state (b, p + t) and seen (b, n)."""
    return features[:, :-n_actions], features[:, -n_actions:]
