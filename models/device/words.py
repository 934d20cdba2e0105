"""`WordTaste` on a device: how a user rates what shares words with the candidate, in tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.device.pairs import Pairs, padded_lists
from models.estimators.word_taste import WordTaste
from models.response.keyword_matching import PSEUDO_REACTIONS

_PSEUDO_REACTIONS = float(PSEUDO_REACTIONS)


class DeviceWords(nn.Module):
    """Tastes for the words that it is made of.

    Parameters
    ----------
    words
        Words of all items.
    """

    words: Tensor
    shares: Tensor

    def __init__(self, words: WordTaste) -> None:
        super().__init__()
        side = words.side
        buffers = {
            "words": padded_lists(side.starts, side.keywords, -1).astype(np.int32),
            "shares": padded_lists(side.starts, side.shares, 0),
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def forward(self, pairs: Pairs, surprises: Tensor) -> Tensor:
        """float32 (b,); few words an item make comparing all with all cheaper than a bit for each of the vocabulary."""
        asked, seen = self.words[pairs.candidates], self.words[pairs.items]  # (b, m) and (b, l, m), -1 beyond the last
        same = (asked[:, None, :, None] == seen[:, :, None, :]).any(dim=3)  # (b, l, m)
        has = (same & (asked >= 0)[:, None] & pairs.present[:, :, None]).float()
        usual = surprises.sum(1) / (pairs.present.sum(1) + _PSEUDO_REACTIONS)
        sums, counts = (has * (surprises - usual[:, None])[:, :, None]).sum(1), has.sum(1)
        return (self.shares[pairs.candidates] * sums / (counts + _PSEUDO_REACTIONS)).sum(1)
