"""SASRec as a response model, f_sta: P(like) of a candidate, given what a user reacted to so far and how.

Source: Kang and McAuley, arXiv 1808.09781 (causal self-attention over a sequence of items); arXiv 2412.16984 uses it
to predict a reaction. Here an input position is an item and the reaction to it, and

    logit P(like c | first t reactions) = <h_t, e_c> + w s_t(c)

where s_t(c) is the logit that means and counts come to (models/estimators/reaction_statistics.py: how the user, the
item and the
user in the item's categories are rated), fitted before and kept. So the model starts from what averages know, for users
met a moment ago and items never rated alike, and attention learns what is left. e_c is a vector of the item itself plus
one of its categories; an input position adds the reaction and how far its rating lies above the item's usual one.
Position 0 is a learned start, so h_0 answers for a user without history. Batches are padded on the right: under the
causal mask no interaction ever sees padding, which has a token of its own besides (item i is token i + 1).

With `published` the network is that of Kang and McAuley, scored by <h_t, e_c> alone: a baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional

from models.estimators.reaction_statistics import ReactionStatistics
from models.interactions import Histories, last
from models.kernels.compiled import vector_loop
from models.kernels.threads import by_blocks
from models.response.sasrec.last_position import Attention, FeedForward, InputVectors, last_states
from models.response.sasrec.settings import SASRecSettings

_ROWS_AT_ONCE = 2048
_STATISTICS = "statistics."  # names of their arrays in a checkpoint
_Weights = tuple[InputVectors, Attention, FeedForward, np.float32]


class SASRec(nn.Module):
    """The network; numpy in, numpy out for everything but training.

    Parameters
    ----------
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    settings
        Shape of the network.

    Raises
    ------
    ValueError
        Where the heads do not divide the width.
    """

    shares: Tensor

    def __init__(self, categories: csr_array, settings: SASRecSettings) -> None:
        super().__init__()
        if settings.width % settings.heads:
            raise ValueError(f"width {settings.width} must be a multiple of heads {settings.heads}")
        self.settings = settings
        self.statistics = ReactionStatistics(categories, settings.statistics_history)
        self.n_items, n_categories = self.statistics.category_shares.shape
        shares = np.pad(self.statistics.category_shares, ((1, 0), (0, 0)))  # a row an item token, none for padding
        self.register_buffer("shares", torch.from_numpy(shares), persistent=False)
        self.item = nn.Embedding(self.n_items + 1, settings.width, padding_idx=0)
        self.category = nn.Parameter(torch.zeros(n_categories, settings.width))
        self.feedback = nn.Embedding(2, settings.width)
        self.surprise = nn.Parameter(torch.zeros(settings.width))
        self.position = nn.Embedding(settings.max_history + 1, settings.width)
        self.start = nn.Parameter(torch.zeros(settings.width))
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.statistics_weight = nn.Parameter(torch.ones(()))
        self._frozen: tuple[NDArray[np.float32], _Weights | None] | None = None
        for embedding in (self.item, self.feedback, self.position):
            nn.init.normal_(embedding.weight, std=settings.width**-0.5 / 4)
        with torch.no_grad():
            self.item.weight[0] = 0
            if settings.published:
                for unused in (self.category, self.feedback.weight, self.surprise, self.statistics_weight):
                    unused.zero_().requires_grad_(False)

    def forward(self, tokens: Tensor, likes: Tensor, surprises: Tensor) -> Tensor:
        """State after each of the first 0 .. l interactions.

        Parameters
        ----------
        tokens
            int64 (b, l): item + 1, 0 for padding on the right.
        likes
            bool (b, l): reactions.
        surprises
            float32 (b, l): `ReactionStatistics.surprises`.

        Returns
        -------
        h (b, l + 1, d); entry t has seen the first t interactions.
        """
        b, length = tokens.shape
        x = self.vectors(tokens)  # (b, l, d)
        x = x + self.feedback(likes.long()) + surprises[:, :, None] * self.surprise
        x = torch.cat([self.start.expand(b, 1, -1), x], dim=1)  # (b, l + 1, d)
        x = self.dropout(x + self.position.weight[: length + 1])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def vectors(self, tokens: Tensor) -> Tensor:
        """e of items: float32 (..., d), of tokens int64 (...)."""
        return self.item(tokens) + self.shares[tokens] @ self.category

    def logits(self, h: Tensor, candidates: Tensor, statistics: Tensor) -> Tensor:
        """Logit of P(like).

        Parameters
        ----------
        h
            float32 (..., d): states.
        candidates
            int64 (...): tokens.
        statistics
            float32 (...): logits of the statistics, in training without the reaction that is to be predicted.
        """
        return (h * self.vectors(candidates)).sum(-1) + self.statistics_weight * statistics

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All weights by name, for a checkpoint."""
        network = {name: tensor.numpy(force=True) for name, tensor in self.state_dict().items()}
        return network | {f"{_STATISTICS}{name}": array for name, array in self.statistics.arrays().items()}

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights that `arrays` of a model of the same shape gave."""
        statistics = {name for name in arrays if name.startswith(_STATISTICS)}
        self.statistics.set_arrays({name.removeprefix(_STATISTICS): arrays[name] for name in statistics})
        self.load_state_dict(
            {name: torch.from_numpy(array) for name, array in arrays.items() if name not in statistics}
        )
        self._frozen = None

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; answers rest on the weights as they are when evaluation begins."""
        self._frozen = None
        return super().train(mode)

    def states(self, histories: Histories) -> NDArray[np.float32]:
        """The user's state after each history: float32 array of shape (b, d).

        Raises
        ------
        ValueError
            In training mode, where weights change.
        """
        remembered = last(histories, self.settings.max_history)
        parts = by_blocks(lambda rows: self._states(remembered[rows]), len(histories))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def item_vectors(self) -> NDArray[np.float32]:
        """The items' vectors e: float32 array of shape (n_items, d)."""
        return self._evaluation()[0]

    def probabilities(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like), float32 (b,), of each candidate, int64 (b,), given the history in the same row."""
        return expit(self.pair_logits(candidates, histories, self.statistics.logits(candidates, histories)))

    def pair_logits(
        self,
        candidates: NDArray[np.int64],
        histories: Histories,
        statistics: NDArray[np.float32],
        states: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Logit of P(like), float32 (b,), given the statistics' own logits (b,).

        What `states` gave for these histories may be handed in; it is most of the work.
        """
        h = self.states(histories) if states is None else states
        share = np.float32(self.statistics_weight.item())
        return (_matches(h, self.item_vectors(), candidates) + share * statistics).astype(np.float32)

    def catalogue_probabilities(self, histories: Histories) -> NDArray[np.float32]:
        """P(like) of every item given each history: float32 array of shape (b, n_items)."""
        match = self.states(histories) @ self.item_vectors().T
        share = np.float32(self.statistics_weight.item())
        return expit(match + share * self.statistics.catalogue_logits(histories))

    def _states(self, histories: Histories) -> NDArray[np.float32]:
        """`states` of histories that are short enough."""
        weights, surprises = self._evaluation()[1], self.statistics.surprises(histories)
        if weights is not None:
            items, likes, _ = histories.arrays()
            return last_states(weights, items, likes, surprises)
        device, parts = self.start.device, []
        for start in range(0, max(1, len(histories)), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            tokens = torch.from_numpy(histories.items[rows] + 1).to(device)
            reactions = (torch.from_numpy(part[rows]).to(device) for part in (histories.likes, surprises))
            with torch.inference_mode():
                h = self(tokens, *reactions)
                parts.append(h[torch.arange(len(h)), (tokens > 0).sum(dim=1)].numpy(force=True))
        return np.concatenate(parts)

    def _evaluation(self) -> tuple[NDArray[np.float32], _Weights | None]:
        """The items' vectors, and the weights that `last_states` takes, which is for networks of one block."""
        if self.training:
            raise ValueError("SASRec answers in evaluation mode; call eval() first")
        if self._frozen is None:
            with torch.inference_mode():
                vectors = self.vectors(torch.arange(1, self.n_items + 1, device=self.start.device)).numpy(force=True)
                self._frozen = vectors, self._absorbed(vectors) if len(self.blocks) == 1 else None
        return self._frozen

    def _absorbed(self, vectors: NDArray[np.float32]) -> _Weights:
        """One block's weights with projections and normalisations multiplied out."""
        block = cast("Block", self.blocks[0])
        d, heads = self.settings.width, self.settings.heads
        before, wide = block.attention_norm, block.feed_forward_norm
        q, k, v = block.query_key_value.weight.view(3, heads, d // heads, d)
        q_bias, v_bias = block.query_key_value.bias[:d].view(heads, -1, 1), block.query_key_value.bias[2 * d :]
        to_query = before.weight[:, None] * k.transpose(1, 2) / (d // heads) ** 0.5  # (heads, d, d / heads)
        project = block.project.weight.view(d, heads, d // heads).transpose(0, 1) @ v  # (heads, d, d)
        reactions = self.feedback.weight[:, None] + self.position.weight
        inputs = (torch.from_numpy(vectors), reactions, self.surprise, self.start + self.position.weight[0])
        attention = (
            (to_query @ q * before.weight).transpose(1, 2),
            (to_query @ (q @ before.bias[:, None] + q_bias))[:, :, 0],
            (project * before.weight).transpose(1, 2),
            (project @ before.bias).sum(dim=0) + functional.linear(v_bias, block.project.weight, block.project.bias),
        )
        layer = (
            (block.widen.weight * wide.weight).T,
            block.widen.bias + block.widen.weight @ wide.bias,
            block.narrow.weight.T,
            block.narrow.bias,
            self.norm.weight,
            self.norm.bias,
        )
        return (
            InputVectors(*(_array(part - part.mean(-1, keepdim=True)) for part in inputs)),
            Attention(*map(_array, attention)),
            FeedForward(*map(_array, layer)),
            np.float32(self.norm.eps),
        )


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


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.numpy(force=True))


@vector_loop
def _matches(
    states: NDArray[np.float32], vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Inner products of states (b, d) and the candidates' vectors: float32 (b,)."""
    matches = np.empty(len(candidates), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        product, state, vector = np.float32(0), states[row], vectors[candidate]
        for k in range(len(state)):
            product += state[k] * vector[k]
        matches[row] = product
    return matches
