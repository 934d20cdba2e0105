"""SASRec as a response model, f_sta: P(like) of a candidate, given what a user reacted to so far and how.

Source: Kang and McAuley, arXiv 1808.09781 (causal self-attention over a sequence of items); arXiv 2412.16984 uses it
to predict a reaction. Here an input position is an item and the reaction to it, and

    logit P(like c | first t reactions) = <h_t, e_c> + v b_c + w u_t + g

where b_c and g come from the bias model and are kept (models/baselines.py), and u_t is the user's running effect. With
p_j what g and b alone predict of reaction y_j, one Newton step from 0 towards the user's own effect gives

    u_t = sum_j (y_j - p_j) / (penalty + sum_j p_j (1 - p_j)),  j = 1 .. t

so the model starts as the bias model for users met a moment ago, and learns what attention can add to it.
Position 0 is a learned start, so h_0 answers for a user without history. Batches are padded on the right: under the
causal mask no interaction ever sees padding, which has a token of its own besides (item i is token i + 1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from models.interactions import Histories

_ROWS_AT_ONCE = 512


class SASRecSettings(BaseModel):
    """Shape of the network and how it is trained; the defaults suit tens of thousands of interactions on two cores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=32, gt=0, description="size of item vectors and states")
    heads: int = Field(default=2, gt=0, description="attention heads; divides width")
    blocks: int = Field(default=2, ge=0, description="self-attention blocks")
    max_history: int = Field(default=100, gt=0, description="last interactions looked at")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="dropout rate of embeddings and blocks")
    learning_rate: float = Field(default=0.003, gt=0, description="AdamW's step size")
    weight_decay: float = Field(default=20.0, ge=0, description="AdamW's decay of matrices and embeddings")
    batch_size: int = Field(default=64, gt=0, description="sequences in a training step")
    max_epochs: int = Field(default=20, gt=0, description="upper limit of passes over the training interactions")
    patience: int = Field(default=3, gt=0, description="epochs without a better validation AUC before training stops")
    threads: int = Field(default=1, gt=0, description="CPU threads in training; another number rounds differently")
    seed: int = Field(default=0, ge=0, description="of the initial weights, the order of batches and dropout")


class SASRec(nn.Module):
    """The network; numpy in, numpy out for everything but training.

    Parameters
    ----------
    n_items
        Size of the catalogue.
    settings
        Shape of the network.

    Raises
    ------
    ValueError
        Where the heads do not divide the width.
    """

    item_bias: Tensor
    global_bias: Tensor

    def __init__(self, n_items: int, settings: SASRecSettings) -> None:
        super().__init__()
        if settings.width % settings.heads:
            raise ValueError(f"width {settings.width} must be a multiple of heads {settings.heads}")
        self.n_items, self.settings = n_items, settings
        self.item = nn.Embedding(n_items + 1, settings.width, padding_idx=0)
        self.feedback = nn.Embedding(2, settings.width)
        self.position = nn.Embedding(settings.max_history + 1, settings.width)
        self.start = nn.Parameter(torch.zeros(settings.width))
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.register_buffer("item_bias", torch.zeros(n_items + 1))
        self.register_buffer("global_bias", torch.zeros(()))
        self.item_weight = nn.Parameter(torch.ones(()))
        self.user_weight = nn.Parameter(torch.ones(()))
        self.user_log_penalty = nn.Parameter(torch.zeros(()))
        for embedding in (self.item, self.feedback, self.position):
            nn.init.normal_(embedding.weight, std=settings.width**-0.5 / 4)
        with torch.no_grad():
            self.item.weight[0] = 0

    def set_biases(self, global_bias: float, item_biases: NDArray[np.float32]) -> None:
        """Take over g and b, float32 (n_items,), from a fitted bias model."""
        with torch.no_grad():
            self.global_bias.fill_(global_bias)
            self.item_bias[1:] = torch.from_numpy(item_biases)

    def forward(self, tokens: Tensor, likes: Tensor) -> tuple[Tensor, Tensor]:
        """State and user effect after each of the first 0 .. l interactions.

        Parameters
        ----------
        tokens
            int64 (b, l): item + 1, 0 for padding on the right.
        likes
            bool (b, l): reactions.

        Returns
        -------
        h (b, l + 1, d) and u (b, l + 1); entry t has seen the first t interactions.
        """
        b, length = tokens.shape
        x = self.item(tokens) + self.feedback(likes.long())  # (b, l, d)
        x = torch.cat([self.start.expand(b, 1, -1), x], dim=1)  # (b, l + 1, d)
        x = self.dropout(x + self.position.weight[: length + 1])
        for block in self.blocks:
            x = block(x)
        return self.norm(x), self._user_effects(tokens, likes)

    def _user_effects(self, tokens: Tensor, likes: Tensor) -> Tensor:
        expected = torch.sigmoid(self.item_bias[tokens] + self.global_bias).detach()  # (b, l)
        seen = (tokens > 0).float()
        surprise = (seen * (likes.float() - expected)).cumsum(dim=1)
        certainty = (seen * expected * (1 - expected)).cumsum(dim=1)
        effect = surprise / (certainty + self.user_log_penalty.exp())
        return functional.pad(effect, (1, 0))  # nothing is known before the first reaction

    def logits(self, h: Tensor, u: Tensor, candidates: Tensor, biases: Tensor) -> Tensor:
        """Logit of P(like).

        Parameters
        ----------
        h, u
            float32 (..., d) and (...): states and user effects.
        candidates
            int64 (...): tokens.
        biases
            float32 (...): the candidates' biases, in training without the reaction that is to be predicted.
        """
        match = (h * self.item(candidates)).sum(-1)
        return match + self.item_weight * biases + self.user_weight * u + self.global_bias

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All weights by name, for a checkpoint."""
        return {name: tensor.numpy(force=True) for name, tensor in self.state_dict().items()}

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights that `arrays` of a model of the same shape gave."""
        self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    def states(self, histories: Histories) -> NDArray[np.float32]:
        """The user's state after each history: float32 array of shape (b, d)."""
        return np.concatenate([h.numpy(force=True) for h, _ in self._encoded(histories)])

    def item_vectors(self) -> NDArray[np.float32]:
        """The items' embeddings: float32 array of shape (n_items, d)."""
        return self.item.weight[1:].numpy(force=True).copy()

    def probabilities(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like) of each candidate given the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.

        Returns
        -------
        float32 array of shape (b,).
        """
        tokens = torch.from_numpy(candidates + 1).to(self.start.device)
        parts = zip(self._encoded(histories), tokens.split(_ROWS_AT_ONCE), strict=True)
        with torch.inference_mode():
            return np.concatenate(
                [self.logits(h, u, part, self.item_bias[part]).sigmoid().numpy(force=True) for (h, u), part in parts]
            )

    def catalogue_probabilities(self, histories: Histories) -> NDArray[np.float32]:
        """P(like) of every item given each history: float32 array of shape (b, n_items)."""
        with torch.inference_mode():
            vectors = self.item.weight[1:]  # (n, d)
            biases = self.item_weight * self.item_bias[1:] + self.global_bias  # (n,)
            return np.concatenate(
                [
                    (h @ vectors.T + biases + self.user_weight * u[:, None]).sigmoid().numpy(force=True)
                    for h, u in self._encoded(histories)
                ]
            )

    def _encoded(self, histories: Histories) -> list[tuple[Tensor, Tensor]]:
        """Last state (b, d) and user effect (b,) of each history, in parts of at most `_ROWS_AT_ONCE` rows."""
        was_training = self.training
        self.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, max(1, len(histories)), _ROWS_AT_ONCE):
                part = last(histories[start : start + _ROWS_AT_ONCE], self.settings.max_history)
                tokens = torch.from_numpy(part.items + 1).to(self.start.device)
                h, u = self(tokens, torch.from_numpy(part.likes).to(self.start.device))
                lengths = (tokens > 0).sum(dim=1)
                rows = torch.arange(len(tokens), device=tokens.device)
                parts.append((h[rows, lengths], u[rows, lengths]))
        self.train(was_training)
        return parts


class Block(nn.Module):
    """Causal self-attention, then a feed-forward layer; each normalised before and added to its input."""

    def __init__(self, settings: SASRecSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.attention_norm = nn.LayerNorm(settings.width)
        self.query_key_value = nn.Linear(settings.width, 3 * settings.width)
        self.project = nn.Linear(settings.width, settings.width)
        self.feed_forward_norm = nn.LayerNorm(settings.width)
        self.widen = nn.Linear(settings.width, 2 * settings.width)
        self.narrow = nn.Linear(2 * settings.width, settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, l, d) to (b, l, d); position t depends on positions up to t."""
        b, length, d = x.shape
        # q, k, v: (b, heads, l, d / heads) each
        qkv = self.query_key_value(self.attention_norm(x))
        q, k, v = qkv.view(b, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.dropout(self.project(attended.transpose(1, 2).reshape(b, length, d)))
        return x + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_forward_norm(x)))))


def last(histories: Histories, n: int) -> Histories:
    """The last n interactions of each history, padded on the right, as wide as the longest that is left."""
    lengths = histories.mask.sum(axis=1)
    width = int(min(n, lengths.max(initial=0)))
    if histories.items.shape[1] == width:
        return histories
    columns = np.maximum(lengths - width, 0)[:, None] + np.arange(width)  # within bounds: lengths <= full width
    return Histories(
        np.take_along_axis(histories.items, columns, axis=1), np.take_along_axis(histories.likes, columns, axis=1)
    )
