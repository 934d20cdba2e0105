"""Quality of predicted probabilities of a like: point estimates, and intervals from resampling users.

Pairs of one user are not independent, so intervals come from a bootstrap that draws whole users with replacement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from models.metrics.calibration import debiased_calibration_error, error_by_chance, expected_calibration_error
from models.metrics.results import Interval, Result

_RESAMPLES_AT_ONCE = 50
_CLIP = 1e-6  # probabilities of exactly 0 or 1 would make one mistake infinitely costly


class Metrics(Result):
    """One model's row of the fidelity table."""

    auc: float
    auc_ci95: Interval
    log_loss: float
    accuracy: float
    macro_f1: float
    brier: float
    ece: float
    ece_if_calibrated: float
    ece_if_calibrated_ci95: Interval
    ece_debiased: float


def auc(likes: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Chance that a liked pair scores above a disliked one, ties counting half; 0.5 where there is only one class.

    Parameters
    ----------
    likes
        bool array of shape (n,).
    scores
        float32 array of shape (n,).
    """
    if likes.all() or not likes.any():
        return 0.5
    return float(roc_auc_score(likes, scores))


def log_losses(likes: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-loss of each of n pairs, probabilities kept off 0 and 1: float64 (n,)."""
    clipped = np.clip(probabilities.astype(np.float64), _CLIP, 1 - _CLIP)
    return -np.log(np.where(likes, clipped, 1 - clipped))


def kolmogorov_smirnov(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Greatest distance between the distribution functions of two samples, of any sizes."""
    result: Any = ks_2samp(a, b, method="asymp")  # scipy declares no type for it; the method concerns the p-value only
    return float(result.statistic)


class UserBootstrap:
    """AUC on samples of users drawn with replacement; the same samples for every model, so that models can be paired.

    Parameters
    ----------
    users
        int64 array of shape (n,): the user of each pair.
    likes
        bool array of shape (n,).
    n_resamples
        How many samples are drawn.
    seed
        Of the drawing.
    """

    def __init__(
        self, users: NDArray[np.int64], likes: NDArray[np.bool_], n_resamples: int = 500, seed: int = 0
    ) -> None:
        names, self._rows = np.unique(users, return_inverse=True)
        self.likes = likes
        rng = np.random.default_rng(seed)
        # times[r, k]: how often sample r holds user k
        self._times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)

    def aucs(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """AUC in each sample: float64 (n_resamples,), NaN where a sample has only one class.

        Weighted Mann-Whitney statistic: over groups of equal scores, from low to high, each liked pair wins against
        all disliked pairs of lower groups and half of those of its own.
        """
        order = np.argsort(scores, kind="stable")
        starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
        likes, rows = self.likes[order], self._rows[order]
        result = np.empty(len(self._times))
        for start in range(0, len(self._times), _RESAMPLES_AT_ONCE):
            weights = self._times[start : start + _RESAMPLES_AT_ONCE][:, rows].astype(np.float64)  # (r, n)
            liked = np.add.reduceat(weights * likes, starts, axis=1)  # (r, groups)
            disliked = np.add.reduceat(weights * ~likes, starts, axis=1)
            wins = (liked * (disliked.cumsum(axis=1) - disliked / 2)).sum(axis=1)
            pairs = liked.sum(axis=1) * disliked.sum(axis=1)
            result[start : start + _RESAMPLES_AT_ONCE] = np.divide(
                wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
            )
        return result

    def interval(self, scores: NDArray[np.float32]) -> Interval:
        """95 % interval of the AUC."""
        return _interval(self.aucs(scores), undefined=0.5)

    def mean_difference_interval(self, values: NDArray[np.float64], against: NDArray[np.float64]) -> Interval:
        """95 % interval of the mean of `values` (n,) less that of `against` (n,), such as the log-loss of each pair."""
        n_users = self._times.shape[1]
        by_user = np.bincount(self._rows, weights=values - against, minlength=n_users)
        sizes = np.bincount(self._rows, minlength=n_users)
        return _interval((self._times @ by_user) / (self._times @ sizes), undefined=0.0)

    def difference_interval(self, scores: NDArray[np.float32], against: NDArray[np.float32]) -> Interval:
        """95 % interval of the AUC of `scores` less that of `against`, in the same samples."""
        return _interval(self.aucs(scores) - self.aucs(against), undefined=0.0)


def classification_metrics(
    likes: NDArray[np.bool_],
    scores: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    decisions: NDArray[np.bool_],
    bootstrap: UserBootstrap,
    *,
    seed: int = 0,
) -> Metrics:
    """All figures of one model.

    Parameters
    ----------
    likes
        bool array of shape (n,): the truth.
    scores
        float32 array of shape (n,): what the AUC ranks by.
    probabilities
        float32 array of shape (n,): P(like), for log-loss, Brier score and ECE.
    decisions
        bool array of shape (n,): like or not, for accuracy and macro-F1.
    bootstrap
        Over the same n pairs.
    seed
        Of the labels that a calibrated model's error is worked out from.
    """
    by_chance = error_by_chance(probabilities, seed)
    clipped = np.clip(probabilities.astype(np.float64), _CLIP, 1 - _CLIP)
    return Metrics(
        auc=auc(likes, scores),
        auc_ci95=bootstrap.interval(scores),
        log_loss=float(log_loss(likes, clipped, labels=[False, True])),
        accuracy=float(accuracy_score(likes, decisions)),
        macro_f1=_macro_f1(likes, decisions),
        brier=float(brier_score_loss(likes, clipped, labels=[False, True])),
        ece=expected_calibration_error(likes, probabilities),
        ece_if_calibrated=by_chance.mean,
        ece_if_calibrated_ci95=by_chance.ci95,
        ece_debiased=debiased_calibration_error(likes, probabilities),
    )


def _macro_f1(likes: NDArray[np.bool_], decisions: NDArray[np.bool_]) -> float:
    """Mean F1 of likes and dislikes; a class that is neither present nor predicted scores 0."""
    options = {"labels": [False, True], "average": "macro", "zero_division": 0}
    return float(f1_score(likes, decisions, **options))


def _interval(values: NDArray[np.float64], undefined: float) -> Interval:
    defined = values[np.isfinite(values)]
    low, high = np.percentile(defined, [2.5, 97.5]).tolist() if len(defined) else (undefined, undefined)
    return low, high
