"""`KeywordMatching` and `Similarity` on a device: the logical models in tensors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from models.device.pairs import Pairs, members, padded_lists
from models.kernels.bitsets import PackedSets
from models.response.cosines import in_units
from models.response.keyword_matching import PSEUDO_REACTIONS, KeywordSide
from models.response.similarity import SHARPNESS

_PSEUDO_REACTIONS, _SHARPNESS = float(PSEUDO_REACTIONS), float(SHARPNESS)
MOST_KNOWN = 1 << 30  # cosines kept of a side: 4 GiB, of catalogues up to 32,768 items


class DeviceKeywords(nn.Module):
    """Keywords of one side, pros or cons, shared with a history.

    Parameters
    ----------
    side
        The keywords item by item.
    counts
        Whether a like counts as evidence, or a dislike.
    """

    words: Tensor
    keywords: Tensor
    shares: Tensor

    def __init__(self, side: KeywordSide, counts: bool) -> None:
        super().__init__()
        self.counts = counts
        shape = len(side.starts) - 1, side.n_keywords
        membership = csr_array((np.ones(len(side.keywords), dtype=np.float32), side.keywords, side.starts), shape)
        listed = padded_lists(side.starts, side.keywords, -1).astype(np.int64)
        buffers = {
            "words": PackedSets(membership).words.view(np.int64),
            "keywords": listed,
            "shares": padded_lists(side.starts, side.shares, 0),
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def forward(self, pairs: Pairs, in_category: Tensor, surprises: Tensor) -> tuple[Tensor, Tensor]:
        """Evidence and taste, float32 (b,) each; see `KeywordMatching.scores_and_tastes`."""
        asked = self.keywords[pairs.candidates]  # (b, m), -1 beyond the last
        known = (asked >= 0)[:, None] & pairs.present[:, :, None]
        has = (members(self.words, pairs.items, asked.clamp(min=0)) * known).float()  # (b, l, m)
        counted = (in_category & (pairs.likes == self.counts)).float()
        usual = surprises.sum(1) / (pairs.present.sum(1) + _PSEUDO_REACTIONS)
        sums, counts = (has * (surprises - usual[:, None])[:, :, None]).sum(1), has.sum(1)
        tastes = (self.shares[pairs.candidates] * sums / (counts + _PSEUDO_REACTIONS)).sum(1)
        return (has.sum(2) * counted).sum(1), tastes


class DeviceCosines(nn.Module):
    """Cosines of candidates to the items of histories, -inf where either has no vector.

    Parameters
    ----------
    vectors
        float32 array of shape (n_items, d): of unit length, or zero for an item without.
    most_known
        Where no more pairs of items exist, all cosines are worked out beforehand; otherwise each is multiplied out of
        16-bit numbers, accurate to 2e-5.
    """

    known: Tensor
    vectors: Tensor
    scales: Tensor

    def __init__(self, vectors: NDArray[np.float32], device: torch.device, most_known: int) -> None:
        super().__init__()
        self.all_known = len(vectors) ** 2 <= most_known
        if self.all_known:
            unit = torch.from_numpy(vectors).to(device)
            present = (unit != 0).any(dim=1)
            known = torch.where(present[:, None] & present, unit @ unit.T, -torch.inf)
            self.register_buffer("known", known, persistent=False)
        else:
            for name, array in zip(("vectors", "scales"), in_units(vectors), strict=True):
                self.register_buffer(name, torch.from_numpy(array).to(device), persistent=False)

    def forward(self, pairs: Pairs) -> Tensor:
        """float32 (b, l)."""
        if self.all_known:
            return self.known.view(-1)[pairs.candidates[:, None] * len(self.known) + pairs.items]
        own = self.vectors[pairs.candidates].float() * self.scales[pairs.candidates][:, None]  # (b, d)
        scales = self.scales[pairs.items]
        cosines = (self.vectors[pairs.items].float() * own[:, None]).sum(dim=2) * scales
        return torch.where((scales > 0) & (self.scales[pairs.candidates] > 0)[:, None], cosines, -torch.inf)


def nearest_and_taste(cosines: Tensor, counted: Tensor, present: Tensor, surprises: Tensor) -> tuple[Tensor, Tensor]:
    """Highest cosine among what is counted, -inf where nothing is, and taste: float32 (b,) each, of (b, l) tensors."""
    nearest = torch.where(counted, cosines, -torch.inf).amax(dim=1)
    weights = torch.where(present, torch.exp(_SHARPNESS * (cosines - 1)), 0.0)
    return nearest, (weights * surprises).sum(1) / (1 + weights.sum(1))


def settled(positive: Tensor, negative: Tensor, neutral: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Evidence from highest cosines (b,): see `models.response.similarity.settle`."""
    lacks, neither = (positive.isinf(), negative.isinf()), positive.isinf() & negative.isinf()
    found_for, found_against = (
        torch.where(lack, torch.where(neither, 0.0, value), found)
        for lack, value, found in zip(lacks, neutral, (positive, negative), strict=True)
    )
    return found_for, found_against
