"""`ReactionStatistics` on a device: what counts and means say of a reaction, in tensors."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from models.device.pairs import Pairs, members, padded_lists
from models.estimators.reaction_statistics import ReactionStatistics
from models.estimators.reaction_sums import PSEUDO_CATEGORY, PSEUDO_USER
from models.kernels.bitsets import PackedSets


class DeviceStatistics(nn.Module):
    """The same surprises and logits as the statistics it is made of.

    Parameters
    ----------
    statistics
        Fitted statistics.
    """

    like_effects: Tensor
    rating_effects: Tensor
    log_counts: Tensor
    alone: Tensor
    words: Tensor
    categories: Tensor
    shares: Tensor
    weights: Tensor

    def __init__(self, statistics: ReactionStatistics) -> None:
        super().__init__()
        learned, ensemble = statistics.learned(), statistics.weights
        self.scalars, self.max_history = statistics.scalars, statistics.max_history
        members_of_item = padded_lists(learned.starts, learned.members, -1)
        counts = np.maximum(np.diff(learned.starts), 1)[:, None]
        weights = np.array(ensemble.coefficients) / np.array(ensemble.scales)
        self.constant = ensemble.intercept - float(np.array(ensemble.means) @ weights)
        buffers = {
            "like_effects": learned.like_effects,
            "rating_effects": learned.rating_effects,
            "log_counts": np.log1p(learned.counts),
            "alone": learned.alone,
            "words": PackedSets(csr_array(statistics.categories)).words.view(np.int64),
            "categories": np.maximum(members_of_item, 0),
            "shares": ((members_of_item >= 0) / counts).astype(np.float32),
            "weights": weights.astype(np.float32),
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def residuals(self, pairs: Pairs) -> Tensor:
        """Ratings less the average and the item's effect: float32 (b, l), 0 on padding."""
        s = self.scalars
        usual = torch.where(pairs.likes, s.liked_rating, s.disliked_rating)
        ratings = torch.where(pairs.ratings.isnan(), usual, pairs.ratings)
        return torch.where(pairs.present, ratings - s.mean_rating - self.rating_effects[pairs.items], 0.0)

    def surprises(self, residuals: Tensor) -> Tensor:
        """Residuals (b, l) in standard deviations: float32 (b, l)."""
        return residuals / self.scalars.residual_variance**0.5

    def forward(self, pairs: Pairs, residuals: Tensor) -> Tensor:
        """Logit of P(like): float32 (b,)."""
        s, present = self.scalars, pairs.present.float()
        alone, likes = self.alone[pairs.items] * present, pairs.likes.float()
        surprises, certainties = likes - alone, alone * (1 - alone)
        count, residual, liked = present.sum(1), residuals.sum(1), likes.sum(1)
        rating_effect, like_effect = residual / (count + PSEUDO_USER), surprises.sum(1) / (certainties.sum(1) + 1)
        noise, squared = PSEUDO_USER * s.residual_variance, (residuals**2).sum(1)
        variance = squared - 2 * rating_effect * residual + count * rating_effect**2
        variance = (variance + noise) / (count + PSEUDO_USER)

        shares = self.shares[pairs.candidates]  # (b, m)
        has = members(self.words, pairs.items, self.categories[pairs.candidates]).float() * present[:, :, None]
        n = has.sum(1)
        rest, surprise, certainty = ((has * part[:, :, None]).sum(1) for part in (residuals, surprises, certainties))
        category_rating = (shares * (rest - n * rating_effect[:, None]) / (n + PSEUDO_CATEGORY)).sum(1)
        category_like = (shares * (surprise - certainty * like_effect[:, None]) / (certainty + 1)).sum(1)
        category_count = (shares * n.log1p()).sum(1)

        own = self.rating_effects[pairs.candidates]
        expected = s.mean_rating + own + rating_effect + category_rating
        columns = (
            self.like_effects[pairs.candidates],
            own,
            self.log_counts[pairs.candidates],
            like_effect,
            rating_effect,
            variance,
            count.log1p(),
            (liked + 1) / (count + 2),
            category_rating,
            category_like,
            category_count,
            (expected - s.threshold) / (variance + s.residual_variance / 2).sqrt(),
        )
        return self.constant + torch.stack(columns, dim=1) @ self.weights
