"""`RatingFactors` on a device: the match of a user's and an item's factors, in tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.device.pairs import Pairs
from models.estimators.rating_factors import PSEUDO_REACTIONS, RatingFactors


class DeviceFactors(nn.Module):
    """Matches of the factors that it is made of.

    Parameters
    ----------
    factors
        Learned item factors.
    """

    items: Tensor
    ridge: Tensor

    def __init__(self, factors: RatingFactors) -> None:
        super().__init__()
        self.register_buffer("items", torch.from_numpy(factors.items), persistent=False)
        ridge = factors.settings.penalty * torch.eye(factors.settings.n_factors)
        self.register_buffer("ridge", ridge, persistent=False)

    def forward(self, pairs: Pairs, surprises: Tensor) -> Tensor:
        """<G^-1 m, q> with the user's normal equations G p = m and the candidate's factors q: float32 (b,).

        It is what Gauss's elimination of G leaves in the corner of [[G, m], [q', 0]], with its sign turned.
        """
        present = pairs.present.float()
        usual = surprises.sum(1) / (present.sum(1) + PSEUDO_REACTIONS)
        rest = (surprises - usual[:, None]) * present
        seen = self.items[pairs.items] * present[:, :, None]  # (b, l, k)
        gram, moment = seen.transpose(1, 2) @ seen + self.ridge, (seen * rest[:, :, None]).sum(1)
        own = self.items[pairs.candidates]
        left = torch.cat([gram, own[:, None]], dim=1)  # (b, k + 1, k)
        right = torch.cat([moment, torch.zeros_like(moment[:, :1])], dim=1)  # (b, k + 1)
        system = torch.cat([left, right[:, :, None]], dim=2)
        for _ in range(self.items.shape[1]):
            system = system[:, 1:, 1:] - system[:, 1:, :1] * (system[:, :1, 1:] / system[:, :1, :1])
        return -system[:, 0, 0]
