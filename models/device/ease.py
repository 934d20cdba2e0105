"""`EASE` on a device: what the reactions of a history say of a candidate, in tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.device.pairs import Pairs
from models.estimators.ease import EASE


class DeviceEASE(nn.Module):
    """Scores of the model that it is made of.

    Parameters
    ----------
    ease
        The fitted model.
    """

    places: Tensor
    weights: Tensor

    def __init__(self, ease: EASE) -> None:
        super().__init__()
        weights = np.pad(ease.weights, (0, 1))  # a row and a column of zeros, found at -1, stand for unknown items
        places = np.where(ease.places < 0, len(ease.items), ease.places)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("weights", torch.from_numpy(weights), persistent=False)

    def forward(self, pairs: Pairs) -> Tensor:
        """float32 (b,)."""
        said = self.weights[self.places[pairs.candidates][:, None], self.places[pairs.items]]  # (b, l)
        return torch.where(pairs.likes, said, -said).mul(pairs.present).sum(1)
