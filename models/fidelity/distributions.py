"""Do simulated reactions, taken together, look like the real ones? Like rates by user, item, category and popularity.

A model may predict single reactions well and still make everybody average: too few grumblers, no item that all like.
Here each held-out pair gets a reaction drawn from the model's probability, and the like rates of groups are compared:
Kolmogorov-Smirnov and Jensen-Shannon distances of their distributions (0 is the same), and their correlation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon

from models.interactions import Interactions
from models.metrics.classification import kolmogorov_smirnov
from models.metrics.results import Result

MIN_SIZE, MIN_GROUPS = 5, 10
_BINS = 10
_STRATA = 10


class GroupMatch(Result):
    """Real and simulated like rates of groups of at least `MIN_SIZE` held-out pairs."""

    model: str
    grouping: str
    groups: int
    ks: float
    jensen_shannon: float
    correlation: float
    mean_absolute_error: float


class Stratum(Result):
    """A tenth of the held-out pairs, by how often their item occurs in training."""

    mean_train_count: float
    n: int
    real: float
    simulated: dict[str, float]


class DistributionMatch(Result):
    """Like rates over all, by group and by popularity."""

    like_rate: float
    simulated_like_rates: dict[str, float]
    groups: list[GroupMatch]
    popularity: list[Stratum]


def distribution_match(
    test: Interactions,
    probabilities: Mapping[str, NDArray[np.float32]],
    categories: csr_array,
    train_counts: NDArray[np.int64],
    seed: int,
) -> DistributionMatch:
    """Compare real reactions with drawn ones.

    Parameters
    ----------
    test
        n held-out interactions.
    probabilities
        Model to P(like), float32 (n,).
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    train_counts
        int64 array of shape (n_items,): training interactions of each item.
    seed
        Of the drawing; every model meets the same random numbers.
    """
    users, items, likes = test.users, test.items, test.likes
    numbers = np.random.default_rng(seed).random(len(users))
    drawn = {name: numbers < p for name, p in probabilities.items()}
    pair_categories = categories[items].tocoo()
    groupings = {
        "user": (users, np.arange(len(users))),
        "item": (items, np.arange(len(items))),
        "category": (pair_categories.coords[1].astype(np.int64), pair_categories.coords[0].astype(np.int64)),
    }
    groups = [
        match
        for grouping, (group, rows) in groupings.items()
        for name, simulated in drawn.items()
        if (match := _match(name, grouping, group, likes[rows], simulated[rows])) is not None
    ]
    counts = train_counts[items]
    strata = [rows for rows in np.array_split(np.argsort(counts, kind="stable"), _STRATA) if len(rows)]
    return DistributionMatch(
        like_rate=float(likes.mean()),
        simulated_like_rates={name: float(p.mean(dtype=np.float64)) for name, p in probabilities.items()},
        groups=groups,
        popularity=[
            Stratum(
                mean_train_count=float(counts[rows].mean()),
                n=len(rows),
                real=float(likes[rows].mean()),
                simulated={name: float(p[rows].mean(dtype=np.float64)) for name, p in probabilities.items()},
            )
            for rows in strata
        ],
    )


def _match(
    model: str, grouping: str, groups: NDArray[np.int64], real: NDArray[np.bool_], simulated: NDArray[np.bool_]
) -> GroupMatch | None:
    """Compare the like rates of groups, int64 (n,), that are large enough; None where fewer than ten are."""
    sizes = np.bincount(groups)
    large = sizes >= MIN_SIZE
    if large.sum() < MIN_GROUPS:
        return None
    a, b = (
        np.bincount(groups, weights=likes, minlength=len(sizes))[large] / sizes[large] for likes in (real, simulated)
    )
    histograms = [np.histogram(rates, bins=_BINS, range=(0, 1))[0] for rates in (a, b)]
    constant = a.std() < 1e-9 or b.std() < 1e-9
    return GroupMatch(
        model=model,
        grouping=grouping,
        groups=int(large.sum()),
        ks=kolmogorov_smirnov(a, b),
        jensen_shannon=float(jensenshannon(*histograms, base=2)),
        correlation=0.0 if constant else float(np.corrcoef(a, b)[0, 1]),
        mean_absolute_error=float(np.abs(a - b).mean()),
    )
