"""How three opinions become one answer: the paper's vote, and a calibrated probability stacked on all evidence.

Source of the vote: arXiv 2412.16984, R = 1 where f_mat + f_sim + f_sta >= 2. The stack (Wolpert 1992) is a logistic
regression on the validation split, whose rows no component was fitted on, so its probabilities are calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression


def vote(votes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Majority of the three models.

    Parameters
    ----------
    votes
        int8 array of shape (b, 3), entries 0 or 1.

    Returns
    -------
    bool array of shape (b,).
    """
    return votes.sum(axis=1) >= 2


@dataclass(frozen=True)
class VoteTable:
    """P(like) for each value that a vote can take: Laplace-smoothed frequencies, the calibration of a vote.

    Parameters
    ----------
    rates
        Vote value to like rate. A tie counts 0.5 of a vote.
    """

    rates: Mapping[float, float]

    @classmethod
    def fit(cls, values: NDArray[np.float32], likes: NDArray[np.bool_], possible: tuple[float, ...]) -> Self:
        """Count likes (b,) for each of the possible values among values (b,)."""
        seen = {value: likes[values == value] for value in possible}
        return cls({value: (float(found.sum()) + 1) / (len(found) + 2) for value, found in seen.items()})

    def probabilities(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(like), float32 (b,), of vote values (b,).

        Raises
        ------
        ValueError
            Where a value is none of the possible ones.
        """
        unknown = set(np.unique(values).tolist()) - set(self.rates)
        if unknown:
            raise ValueError(f"vote values {sorted(unknown)} are not among {sorted(self.rates)}")
        known = np.array(sorted(self.rates))
        rates = np.array([self.rates[value] for value in known], dtype=np.float32)
        return rates[np.searchsorted(known, values)]


@dataclass(frozen=True)
class Ensemble:
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
        cls, names: tuple[str, ...], features: NDArray[np.float32], likes: NDArray[np.bool_], strength: float = 1.0
    ) -> Self:
        """Fit on validation rows.

        Parameters
        ----------
        features
            float32 array of shape (n, f).
        likes
            bool array of shape (n,).
        strength
            Inverse of the L2 penalty.

        Raises
        ------
        ValueError
            Where there is no row.
        """
        if not len(likes):
            raise ValueError("the ensemble needs validation interactions; found none")
        means, scales = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        scales = np.where(scales > 0, scales, 1.0)
        if likes.all() or not likes.any():  # one class only: no feature can matter, its smoothed rate is the answer
            rate = (likes.sum() + 1) / (len(likes) + 2)
            coefficients, intercept = np.zeros(len(names)), float(np.log(rate / (1 - rate)))
        else:
            model = LogisticRegression(C=strength, max_iter=1000).fit((features - means) / scales, likes)
            coefficients, intercept = model.coef_[0], float(model.intercept_[0])
        return cls(names, tuple(means.tolist()), tuple(scales.tolist()), tuple(coefficients.tolist()), intercept)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(like), float32 (b,), of features (b, f)."""
        weights = np.array(self.coefficients) / np.array(self.scales)
        return expit((features - np.array(self.means)) @ weights + self.intercept).astype(np.float32)
