"""Biases of simulated users: whether they like too much, and popular items more than real users do.

A language model in the loop tends to praise, and a model of ratings to follow the crowd (for both see the bias study of
Agent4Rec, arXiv 2310.10108). Both are read from the residuals, P(like) less the real reaction, of held-out pairs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.metrics.results import Interval, Result


class BiasCheck(Result):
    """One model's biases with intervals over resampled users.

    Parameters
    ----------
    over_positivity
        Mean P(like) less the real like rate; 0 is none.
    popularity_bias
        By how much P(like) rises beyond the real like rate where an item has e times as many training interactions: the
        slope of the residuals over log(1 + interactions); 0 is none.
    """

    model: str
    over_positivity: float
    over_positivity_ci95: Interval
    popularity_bias: float
    popularity_bias_ci95: Interval


def bias_checks(
    test: Interactions,
    probabilities: Mapping[str, NDArray[np.float32]],
    train_counts: NDArray[np.int64],
    n_resamples: int = 500,
    seed: int = 0,
) -> list[BiasCheck]:
    """Figures of every model.

    Parameters
    ----------
    test
        n held-out interactions, at least one.
    probabilities
        Model to P(like), float32 (n,).
    train_counts
        int64 array of shape (n_items,): training interactions of each item.
    n_resamples, seed
        Of the bootstrap over users.
    """
    names, rows = np.unique(test.users, return_inverse=True)
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    weights = np.concatenate([np.ones((1, len(names))), times.astype(np.float64)])  # as it is, then the samples
    popular = np.log1p(train_counts[test.items])
    popular -= popular.mean()

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return weights @ np.bincount(rows, weights=values, minlength=len(names))

    n, sum_x, sum_xx = summed(np.ones(len(rows))), summed(popular), summed(popular**2)
    spread = n * sum_xx - sum_x**2
    checks: list[BiasCheck] = []
    for name, p in probabilities.items():
        residuals = p.astype(np.float64) - test.likes
        sum_r = summed(residuals)
        mean = sum_r / n
        product = n * summed(popular * residuals) - sum_x * sum_r
        slope = np.divide(product, spread, out=np.zeros(len(n)), where=spread > 0)
        checks.append(
            BiasCheck(
                model=name,
                over_positivity=float(mean[0]),
                over_positivity_ci95=np.percentile(mean[1:], [2.5, 97.5]).tolist(),
                popularity_bias=float(slope[0]),
                popularity_bias_ci95=np.percentile(slope[1:], [2.5, 97.5]).tolist(),
            )
        )
    return checks
