"""Logistic regression that departs from a prior only as far as the data carry it.

Small validation splits cannot carry a dozen free weights: what is penalised is not the weights but how far they depart
from a prior that is already a good model. The calibrated stack of the response models (Wolpert 1992) is one, and so are
the regression on reaction statistics and the hazard of patience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.kernels.compiled import loop


@dataclass(frozen=True)
class LogisticModel:
    """A logistic regression on standardised features.

    Parameters
    ----------
    names
        The f features, in the order of the columns.
    means, scales, coefficients
        One value a feature.
    intercept
        Logit at the features' means.

    Raises
    ------
    ValueError
        Where these differ in length.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.means) == len(self.scales) == len(self.coefficients):
            raise ValueError("names, means, scales and coefficients must have the same length")

    @classmethod
    def fit(
        cls,
        names: tuple[str, ...],
        features: NDArray[np.float32],
        likes: NDArray[np.bool_],
        *,
        penalty: float = 1.0,
        prior: Mapping[str, float] | None = None,
        stiffness: Mapping[str, float] | None = None,
    ) -> Self:
        """Fit on validation rows, which must hold both likes and dislikes for any feature to matter.

        Parameters
        ----------
        features
            float32 array of shape (n, f).
        likes
            bool array of shape (n,).
        penalty
            L2 penalty on the departure of standardised weights from the prior, in reactions; the intercept is free.
        prior
            Weights of features as they are, not standardised; 0 where a name is missing.
        stiffness
            How many times the penalty of a feature is; 1 where a name is missing.

        Raises
        ------
        ValueError
            Where there is no row.
        """
        if not len(likes):
            raise ValueError("a logistic regression needs rows to be fitted on; there are none")
        means, scales = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        scales = np.where(scales > 0, scales, 1.0)
        if likes.all() or not likes.any():  # one class only: no feature can matter, its smoothed rate is the answer
            rate = (likes.sum() + 1) / (len(likes) + 2)
            coefficients, intercept = np.zeros(len(names)), float(np.log(rate / (1 - rate)))
        else:
            start = np.array([(prior or {}).get(name, 0.0) for name in names]) * scales
            penalties = penalty * np.array([(stiffness or {}).get(name, 1.0) for name in names])
            coefficients, intercept = _logistic((features - means) / scales, likes, start, penalties)
        return cls(names, tuple(means.tolist()), tuple(scales.tolist()), tuple(coefficients.tolist()), intercept)

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logit of P(like), float32 (b,), of features (b, f)."""
        return _weighted_sums(features, *self._line)

    @cached_property
    def _line(self) -> tuple[NDArray[np.float64], float]:
        """Weights (f,) of the features as they are, and the logit where all of them are 0."""
        weights = np.array(self.coefficients) / np.array(self.scales)
        return weights, self.intercept - float(np.array(self.means) @ weights)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(like), float32 (b,), of features (b, f)."""
        return expit(self.logits(features))


@loop
def _weighted_sums(features: NDArray[np.float32], weights: NDArray[np.float64], constant: float) -> NDArray[np.float32]:
    """Weighted sums of features (b, f) and a constant, float32 (b,); a row's does not depend on its neighbours."""
    logits = np.empty(len(features), dtype=np.float32)
    for row in range(len(features)):
        logit = constant
        for k in range(len(weights)):
            logit += features[row, k] * weights[k]
        logits[row] = logit
    return logits


def _logistic(
    x: NDArray[np.float64], likes: NDArray[np.bool_], prior: NDArray[np.float64], penalties: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Weights (f,) and an intercept that minimise the log-loss plus half the penalised squared departures from `prior`.

    By Newton's method within a trust region: penalties may differ by many orders of magnitude.
    """
    y = likes.astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    prior, penalties = np.append(prior, np.log(y.mean() / (1 - y.mean()))), np.append(penalties, 0.0)

    def loss(departure: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = x @ (prior + departure)
        log_loss = np.logaddexp(0, logits).sum() - logits @ y
        gradient = x.T @ (expit(logits) - y) + penalties * departure
        return float(log_loss + 0.5 * penalties @ departure**2) / len(y), gradient / len(y)

    def curvature(departure: NDArray[np.float64]) -> NDArray[np.float64]:
        p = expit(x @ (prior + departure))
        return (x.T @ (x * (p * (1 - p))[:, None]) + np.diag(penalties)) / len(y)

    options = {"gtol": 1e-8}
    best = minimize(loss, np.zeros(len(prior)), jac=True, hess=curvature, method="trust-exact", options=options)
    weights = prior + best.x
    return weights[:-1], float(weights[-1])
