"""Calibration of probabilities: reliability bins, their error, and how much of that error is chance.

The expected calibration error (Naeini et al. 2015) of a perfect predictor is not 0 on a finite test: the like rate of a
bin of n pairs strays from its probability by about sqrt(p (1 - p) / n), so that few pairs look badly calibrated
whatever the predictions. So it is reported beside the error that the same probabilities would have if they were true
(labels drawn from them, again and again), and beside an estimate without that bias: Kumar, Liang and Ma, "Verified
Uncertainty Calibration" (2019, arXiv 1909.10155), over bins of equal mass, which are less biased than bins of equal
width (Roelofs et al., 2022, arXiv 2012.08668).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.metrics.results import Interval, Result

_N_BINS = 15
_DRAWS = 200
_DRAWS_AT_ONCE = 20


class ReliabilityBin(Result):
    """A bin of the reliability diagram: n pairs, their mean probability, and the share that really is a like."""

    mean_probability: float
    like_rate: float
    n: int


class ErrorByChance(NamedTuple):
    """Calibration error of true probabilities: its mean and the central 95 % of its distribution."""

    mean: float
    ci95: Interval


def reliability(likes: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> list[ReliabilityBin]:
    """The non-empty ones of 15 bins of equal width, from low to high; likes and probabilities are (n,)."""
    bins = _bins(probabilities)
    n = np.bincount(bins, minlength=_N_BINS)
    liked = np.bincount(bins, weights=likes, minlength=_N_BINS)
    summed = np.bincount(bins, weights=probabilities, minlength=_N_BINS)
    return [
        ReliabilityBin(
            mean_probability=float(summed[b] / n[b]),
            like_rate=float(liked[b] / n[b]),
            n=int(n[b]),
        )
        for b in np.flatnonzero(n)
    ]


def expected_calibration_error(likes: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> float:
    """Mean distance between probability and like rate over the bins of `reliability`, weighted by their sizes."""
    bins = reliability(likes, probabilities)
    return sum(b.n * abs(b.mean_probability - b.like_rate) for b in bins) / len(likes)


def error_by_chance(probabilities: NDArray[np.float32], seed: int) -> ErrorByChance:
    """`expected_calibration_error` of labels drawn from the probabilities (n,) themselves.

    A model whose error lies within the interval cannot be told from a perfectly calibrated one by so few pairs. Labels
    are drawn independently; those of one user are not, so that the interval is rather too narrow than too wide.
    """
    order = np.argsort(_bins(probabilities), kind="stable")
    p = probabilities[order].astype(np.float64)
    starts = np.flatnonzero(np.diff(_bins(probabilities)[order], prepend=-1))
    summed = np.add.reduceat(p, starts)
    rng, errors = np.random.default_rng(seed), []
    for _ in range(_DRAWS // _DRAWS_AT_ONCE):
        likes = rng.random((_DRAWS_AT_ONCE, len(p))) < p
        liked = np.add.reduceat(likes, starts, axis=1, dtype=np.int64)  # (draws, bins)
        errors.append(np.abs(liked - summed).sum(axis=1) / len(p))
    drawn = np.concatenate(errors)
    return ErrorByChance(float(drawn.mean()), np.percentile(drawn, [2.5, 97.5]).tolist())


def debiased_calibration_error(likes: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> float:
    """Root of the mean squared distance between probability and like rate over 15 bins of equal mass, less chance.

    The sampling variance of each bin's like rate, y (1 - y) / (n - 1), is subtracted from its squared distance; where
    the sum is negative, no error can be seen and the result is 0. Equal probabilities stay in one bin. Source:
    Kumar et al. 2019, section 5.
    """
    order = np.argsort(probabilities, kind="stable")
    p, y = probabilities[order].astype(np.float64), likes[order].astype(np.float64)
    cuts = np.linspace(0, len(p), _N_BINS + 1).astype(np.int64)[:-1]
    starts = np.unique(np.searchsorted(p, p[cuts], side="left"))  # a bin begins where its lowest probability does
    n = np.diff(starts, append=len(p))
    mean, rate = np.add.reduceat(p, starts) / n, np.add.reduceat(y, starts) / n
    by_chance = rate * (1 - rate) / np.maximum(n - 1, 1)
    return float(np.sqrt(max(0.0, (n * ((mean - rate) ** 2 - by_chance)).sum() / len(p))))


def _bins(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.minimum((probabilities * _N_BINS).astype(np.int64), _N_BINS - 1)
