"""Means with 95 % confidence intervals over two sources of chance: training seeds and evaluation episodes.

Every policy plays the same episodes, so a table of numbers by seed and episode is crossed. The variance of its mean is
taken as that over seeds plus that over episodes (Owen, "The pigeonhole bootstrap", 2007: a little too wide, never too
narrow), with degrees of freedom after Welch and Satterthwaite. Three seeds say little about their own spread, which is
why these intervals may be wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from models.metrics.results import Interval, Result


class Estimate(Result):
    """A mean and its 95 % confidence interval [low, high]."""

    mean: float
    ci95: Interval


def crossed_interval(values: NDArray[np.float64]) -> Estimate:
    """Mean of numbers (seeds, episodes) with an interval over both; one seed or one episode adds no variance."""
    seeds, episodes = values.shape
    parts = []
    for n, means in ((seeds, values.mean(axis=1)), (episodes, values.mean(axis=0))):
        if n > 1:
            parts.append((float(means.var(ddof=1)) / n, n - 1))
    return combined(float(values.mean()), tuple(parts))


def combined(mean: float, parts: tuple[tuple[float, int], ...]) -> Estimate:
    """An interval from the pairs (variance of the mean, degrees of freedom) of independent sources of chance.

    Without any variance the interval is the mean itself.
    """
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Estimate(mean=mean, ci95=(mean, mean))
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = float(student.ppf(0.975, freedom)) * variance**0.5
    return Estimate(mean=mean, ci95=(mean - half, mean + half))
