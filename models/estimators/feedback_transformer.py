"""A transformer over the log that predicts the next reaction: the kind of user model that KuaiSim simulates with.

Each past reaction is the item's encoding plus an embedding of the feedback; a causal encoder turns the last reactions
into the user's state, and P(like) of a candidate is the sigmoid of the product of state and item encoding. An item is
encoded from its embedding and its categories; datasets here have no features of users. Source: Zhao et al., "KuaiSim: A
Comprehensive Simulator for Recommender Systems" (2023, arXiv 2309.12645).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional

from models.interactions import NO_ITEM, Histories, Interactions, last

_ROWS_AT_ONCE = 1024


class FeedbackTransformerSettings(BaseModel):
    """Shape of the network and how it is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=32, gt=0, description="size of item encodings and states")
    heads: int = Field(default=2, gt=0, description="attention heads; divides width")
    layers: int = Field(default=1, gt=0, description="layers of the encoder")
    history: int = Field(default=50, gt=1, description="reactions of a training sequence; all but one make a state")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout rate")
    learning_rate: float = Field(default=0.003, gt=0, description="AdamW's step size")
    weight_decay: float = Field(default=5.0, ge=0, description="AdamW's decay of matrices and embeddings")
    batch_size: int = Field(default=64, gt=0, description="sequences in a training step")
    max_epochs: int = Field(default=40, gt=0, description="upper limit of passes over the training reactions")
    patience: int = Field(default=4, gt=0, description="epochs without a lower validation log-loss before it stops")
    threads: int = Field(default=1, gt=0, description="CPU threads in training; another number rounds differently")
    seed: int = Field(default=0, ge=0, description="of the initial weights, the order of batches and dropout")


class _Network(nn.Module):
    """States from reactions, and logits from states and items."""

    def __init__(self, categories: csr_array, settings: FeedbackTransformerSettings) -> None:
        super().__init__()
        width = settings.width
        dense = categories.toarray().astype(np.float32)
        shares = dense / np.maximum(dense.sum(axis=1, keepdims=True), 1)
        self.register_buffer("categories", torch.from_numpy(shares), persistent=False)
        self.items = nn.Embedding(len(dense), width)
        self.of_categories = nn.Linear(dense.shape[1], width)
        self.feedback = nn.Embedding(2, width)
        self.positions = nn.Embedding(settings.history, width)
        self.start = nn.Parameter(torch.zeros(width))  # the state of a user without reactions is made from it
        layer = nn.TransformerEncoderLayer(
            width, settings.heads, 2 * width, settings.dropout, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.dropout = nn.Dropout(settings.dropout)
        self.to_state = nn.Linear(width, width)
        for embedding in (self.items, self.feedback, self.positions):
            nn.init.normal_(embedding.weight, std=0.1)

    def encoded(self, items: Tensor) -> Tensor:
        """Item encodings (b, l, width) of row numbers (b, l)."""
        return self.items(items) + self.of_categories(self.get_buffer("categories")[items])

    def states(self, items: Tensor, likes: Tensor) -> Tensor:
        """States (b, l + 1, width): entry t has seen the first t of the reactions (b, l)."""
        reactions = self.encoded(items) + self.feedback(likes.long())
        x = torch.cat([self.start.expand(len(items), 1, -1), reactions], dim=1)
        x = self.dropout(x + self.positions.weight[: x.shape[1]])
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.to_state(self.encoder(x, mask=mask, is_causal=True))

    def logits(self, states: Tensor, items: Tensor) -> Tensor:
        """Logit of P(like) of each state's candidate: (b, l)."""
        return (states * self.encoded(items)).sum(dim=-1)


class FeedbackTransformer:
    """P(like) of candidates after histories, learned by cross-entropy from training reactions.

    Parameters
    ----------
    categories
        Sparse binary float32 matrix of shape (n_items, n_categories).
    settings
        See `FeedbackTransformerSettings`.
    """

    def __init__(self, categories: csr_array, settings: FeedbackTransformerSettings) -> None:
        self.settings = settings
        self.validation_losses: list[float] = []
        with _reproducible(settings):
            self._network = _Network(categories, settings).eval()

    def fit(self, train: Interactions, validation: Interactions) -> Self:
        """Train until the log-loss of validation reactions, given the train ones, falls no more; the best epoch counts.

        Without validation reactions all epochs are trained. Each train reaction is a target once, after those that
        stand before it in its piece of the user's sequence.
        """
        settings, network = self.settings, self._network
        pieces = _pieces(train, settings.history)
        histories = train.histories(validation.users, settings.history)
        rng, best = np.random.default_rng(settings.seed), copy.deepcopy(network.state_dict())
        groups = [
            {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate)
        with _reproducible(settings):
            for _ in range(settings.max_epochs if len(train) else 0):
                self._epoch(pieces, optimiser, rng)
                loss = _log_loss(self._logits(validation.items, histories), validation.likes)
                if not self.validation_losses or loss <= min(self.validation_losses):
                    best = copy.deepcopy(network.state_dict())
                self.validation_losses.append(loss)
                if (
                    len(validation)
                    and len(self.validation_losses) - int(np.argmin(self.validation_losses)) > settings.patience
                ):
                    break
        network.load_state_dict(best)
        return self

    def probabilities(self, items: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like), float32 (b,), of candidates (b,) after b histories, of which the last reactions count."""
        return expit(self._logits(items, histories)).astype(np.float32)

    def _epoch(self, pieces: Histories, optimiser: torch.optim.Optimizer, rng: np.random.Generator) -> None:
        """One pass over the pieces, those of like length together."""
        network = self._network.train()
        lengths = pieces.mask.sum(axis=1)
        order = np.lexsort((rng.random(len(lengths)), lengths))
        for start in rng.permutation(np.arange(0, len(order), self.settings.batch_size)):
            rows = order[start : start + self.settings.batch_size]
            width = int(lengths[rows].max())
            items, likes, mask = (
                torch.from_numpy(part[rows, :width]) for part in (pieces.items, pieces.likes, pieces.mask)
            )
            items = items.clamp(min=0)  # what stands on padding is seen by nothing before it and taught to nobody
            logits = network.logits(network.states(items[:, :-1], likes[:, :-1]), items)
            loss = functional.binary_cross_entropy_with_logits(logits[mask], likes[mask].float())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
        network.eval()

    @torch.no_grad()
    def _logits(self, items: NDArray[np.int64], histories: Histories) -> NDArray[np.float64]:
        logits = np.zeros(len(items))
        recent = last(histories, self.settings.history - 1)
        for start in range(0, len(items), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            past, lengths = recent[rows], recent[rows].mask.sum(axis=1)
            states = self._network.states(torch.from_numpy(past.items).clamp(min=0), torch.from_numpy(past.likes))
            state = states[torch.arange(len(lengths)), torch.from_numpy(lengths)]
            logits[rows] = self._network.logits(state, torch.from_numpy(items[rows])).numpy()
        return logits


@contextmanager
def _reproducible(settings: FeedbackTransformerSettings) -> Iterator[None]:
    """Seeded random numbers and so many CPU threads for torch, and afterwards what there was before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(settings.seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _pieces(train: Interactions, length: int) -> Histories:
    """Users' train sequences in pieces of at most `length` reactions, oldest first, padded on the right."""
    starts = np.concatenate(
        [np.arange(low, high, length) for low, high in zip(train.offsets[:-1], train.offsets[1:], strict=True)]
    ).astype(np.int64)
    ends = np.minimum(starts + length, train.offsets[train.users[starts] + 1])
    positions = starts[:, None] + np.arange(length)
    inside = positions < ends[:, None]
    positions = np.where(inside, positions, 0)
    return Histories(np.where(inside, train.items[positions], NO_ITEM), train.likes[positions] & inside)


def _log_loss(logits: NDArray[np.float64], likes: NDArray[np.bool_]) -> float:
    return float((np.logaddexp(0, logits) - logits * likes).mean()) if len(logits) else 0.0
