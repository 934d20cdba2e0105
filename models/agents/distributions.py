"""A choice among hundreds of items, drawn and masked in a small part of the time that PyTorch's own ways take.

`torch.multinomial` throws as many random numbers as there are items; here one number a choice is looked up in the sums
of the probabilities. And `exp` of numbers far below zero, as masks mostly are and items that a policy has given up come
to be, takes many times as long as others.
"""

from __future__ import annotations

import torch
from sb3_contrib.common.maskable.distributions import (
    MaskableCategorical,
    MaskableCategoricalDistribution,
    MaybeMasks,
)
from stable_baselines3.common.distributions import CategoricalDistribution
from torch import Tensor
from torch.distributions import Categorical

_BELOW = 40.0  # e ** -40 is 4e-18: next to any number that is drawn, nothing
_OUT_OF_SIGHT = 1e9


def masked(logits: Tensor, closed: Tensor) -> Tensor:
    """Logits (b, n) with each that is closed (b, n; 1, else 0) put 40 below the highest of its row that is not.

    One that lies lower is lifted there, and learns as if it had not been: `where` and `clamp` would take longer.
    """
    given = logits.detach()
    lowest = given.add(closed, alpha=-_OUT_OF_SIGHT).amax(dim=-1, keepdim=True) - _BELOW
    return (logits + (lowest - given).relu_()).lerp(lowest, closed)


class OneOfMany(Categorical):
    """A categorical distribution drawn from by one number a row."""

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Indices: int64 of the batch's shape.

        Raises
        ------
        ValueError
            Where more than one draw is asked for.
        """
        if len(sample_shape):
            raise ValueError(f"draws once a row, not {tuple(sample_shape)}")
        sums = self.probs.cumsum(dim=-1)
        numbers = 1 - torch.rand_like(sums[..., :1])  # above 0, so that what has no share is never reached
        return torch.searchsorted(sums, numbers * sums[..., -1:]).squeeze(-1)


class OneOfManyDistribution(CategoricalDistribution):
    """The same for Stable-Baselines3."""

    def proba_distribution(self, action_logits: Tensor) -> OneOfManyDistribution:
        """Take logits (b, n)."""
        self.distribution = OneOfMany(logits=action_logits)
        return self


class MaskableOneOfMany(OneOfMany, MaskableCategorical):
    """The same with the masks of MaskablePPO."""

    def apply_masking(self, masks: MaybeMasks) -> None:
        """Close what is False in the masks, (b, n) or as many in a row; None closes nothing."""
        if masks is None:
            super().apply_masking(None)
            return
        self.masks = torch.as_tensor(masks, dtype=torch.bool).reshape(self.logits.shape)
        self.__dict__.pop("probs", None)  # those of other masks
        Categorical.__init__(self, logits=masked(self._original_logits, (~self.masks).float()))


class MaskableOneOfManyDistribution(MaskableCategoricalDistribution):
    """The same for sb3-contrib."""

    def proba_distribution(self, action_logits: Tensor) -> MaskableOneOfManyDistribution:
        """Take logits (b, n)."""
        self.distribution = MaskableOneOfMany(logits=action_logits.view(-1, self.action_dim))
        return self
