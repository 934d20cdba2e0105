"""SASRec's block of self-attention and feed-forward layer: over a whole sequence, or at one position of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.kernels.lanes import filled_up
from models.response.sasrec.last_position import Answer, Queries
from models.response.sasrec.settings import SASRecSettings


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

    def absorbed(self) -> Queries:
        """The heads' queries as `models/response/sasrec/last_position.py` asks them."""
        d, heads = self.project.in_features, self.heads
        size = d // heads
        q, k, _ = self.query_key_value.weight.view(3, heads, size, d)
        bias = self.query_key_value.bias[:d].view(heads, size, 1)
        norm = self.attention_norm
        to_query = norm.weight[:, None] * k.transpose(1, 2) / size**0.5  # (heads, d, size)
        matrices, constants = to_query @ q * norm.weight, (to_query @ (q @ norm.bias[:, None] + bias))[:, :, 0]
        side_by_side = np.concatenate([filled_up(matrix.T.numpy()) for matrix in matrices], axis=1)
        return Queries(side_by_side, filled_up(constants.numpy()), np.float32(norm.eps))

    def answer(self, last_norm: nn.LayerNorm) -> Answer:
        """What follows on attention, up to the last normalisation; see models/response/sasrec/last_position.py."""
        d, heads = self.project.in_features, self.heads
        before, wide = self.attention_norm, self.feed_forward_norm
        v = self.query_key_value.weight[2 * d :].view(heads, d // heads, d)
        project = self.project.weight.view(d, heads, d // heads).transpose(0, 1) @ v  # (heads, d, d)
        constant = (project @ before.bias).sum(dim=0) + functional.linear(
            self.query_key_value.bias[2 * d :], self.project.weight, self.project.bias
        )
        parts = (
            constant,
            (self.widen.weight * wide.weight).T,
            self.widen.bias + self.widen.weight @ wide.bias,
            self.narrow.weight.T,
            self.narrow.bias,
            last_norm.weight,
            last_norm.bias,
        )
        of_heads = filled_up((project * before.weight).transpose(1, 2).detach().numpy(), axis=1)  # (heads, f, d)
        arrays = (of_heads.reshape(-1, d), *(part.detach().numpy() for part in parts))
        return Answer(*(filled_up(array) if array.ndim > 1 else array for array in arrays))

    def at(self, x: Tensor, positions: Tensor) -> Tensor:
        """`forward` at one position of each row, in evaluation: (b, d) of x (b, l, d) and positions int64 (b,)."""
        b, length, d = x.shape
        rows = torch.arange(b, device=x.device)
        normal, own = self.attention_norm(x), x[rows, positions]
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        q = functional.linear(normal[rows, positions], weight[:d], bias[:d]).view(b, self.heads, 1, d // self.heads)
        # k, v: (b, heads, l, d / heads) each
        k, v = (
            functional.linear(normal, weight[d:], bias[d:])
            .view(b, length, 2, self.heads, d // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        seen = torch.arange(length, device=x.device) <= positions[:, None]  # (b, l)
        # written out, since one query a row is the worst case of attention kernels, and compilers fuse this
        scores = (q * k).sum(-1) / (d // self.heads) ** 0.5
        weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)  # (b, heads, l)
        attended = (weights[..., None] * v).sum(2)
        own = own + self.project(attended.reshape(b, d))
        return own + self.narrow(functional.gelu(self.widen(self.feed_forward_norm(own))))
