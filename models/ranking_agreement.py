"""Ranking agreement: whether the simulator puts recommenders in the order in which real users put them.

Each recommender orders a user's held-out items; how good that order is, is measured once with the real likes and once
with the simulator's. Kendall's tau says how far the two orders of the recommenders agree; its interval comes from
drawing users with replacement. Two measures: the mean over users of the AUC within a user's list, and of its NDCG
(Järvelin and Kekäläinen 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from models.interactions import Interactions
from models.list_choice import mixed_lists


class Agreement(TypedDict):
    """How one judge's order of the recommenders agrees with the real users'."""

    kendall_tau: float
    ci95: list[float]
    quality: dict[str, float]


class MeasuredAgreement(TypedDict):
    """By one measure: the real quality of every recommender and each judge's agreement with it.

    `split_half_tau` compares two random halves of the real users, on average: what their number lets one expect.
    """

    real_quality: dict[str, float]
    split_half_tau: float
    judges: dict[str, Agreement]


class RankingAgreement(TypedDict):
    """Agreement by measure, and how many users and pairs it rests on."""

    users: int
    pairs: int
    measures: dict[str, MeasuredAgreement]


def ranking_agreement(
    held_out: Interactions,
    scores: Mapping[str, NDArray[np.float32]],
    gains: Mapping[str, NDArray[np.float32]],
    n_resamples: int = 500,
    seed: int = 0,
) -> RankingAgreement | None:
    """Compare the order of recommenders by real likes with their order by simulated ones.

    Only users whose held-out items include both a like and a dislike can tell recommenders apart; others are left out.

    Parameters
    ----------
    held_out
        n interactions, sorted by user.
    scores
        Recommender to its scores, float32 (n,).
    gains
        Judge to what it holds of each pair, float32 (n,): a probability or a vote.
    n_resamples, seed
        Of the bootstrap over users.

    Returns
    -------
    None where no user can tell recommenders apart.
    """
    lists = mixed_lists(held_out)
    if not lists:
        return None
    measures = {
        name: _measured(
            measure, lists, held_out.likes.astype(np.float32), scores, gains, n_resamples=n_resamples, seed=seed
        )
        for name, measure in (("auc", user_auc), ("ndcg", ndcg))
    }
    return {"users": len(lists), "pairs": sum(map(len, lists)), "measures": measures}


def user_auc(scores: NDArray[np.float32], gains: NDArray[np.float32]) -> float:
    """Chance that a liked item is scored above a disliked one, ties counting half.

    Parameters
    ----------
    scores
        float32 array of shape (n,).
    gains
        float32 array of shape (n,): 1 for a like, 0 for a dislike, or a probability p, which counts as a like by p and
        as a dislike by 1 - p.

    Returns
    -------
    0.5 where nothing is liked or nothing disliked.
    """
    p, q = gains.astype(np.float64), 1 - gains.astype(np.float64)
    _, group = np.unique(scores, return_inverse=True)
    disliked = np.bincount(group, weights=q)
    below = disliked.cumsum() - disliked
    itself = (p * q).sum()  # an item is not compared with itself
    pairs = p.sum() * q.sum() - itself
    return float(((p * (below + disliked / 2)[group]).sum() - itself / 2) / pairs) if pairs > 1e-9 else 0.5


def ndcg(scores: NDArray[np.float32], gains: NDArray[np.float32]) -> float:
    """Normalised discounted cumulative gain of a list in the order of its scores, high to low; ties share their ranks.

    Parameters
    ----------
    scores, gains
        float32 arrays of shape (n,); gains are not negative.
    """
    discounts = 1 / np.log2(np.arange(2, len(scores) + 2))
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    ends = sizes.cumsum()
    summed = np.concatenate([[0.0], discounts.cumsum()])
    shared = (summed[ends] - summed[ends - sizes]) / sizes  # mean discount of each group of equal scores
    best = np.sort(gains)[::-1] @ discounts
    return float(gains @ shared[group] / best) if best > 0 else 0.0


def _measured(
    measure: Callable[[NDArray[np.float32], NDArray[np.float32]], float],
    lists: list[NDArray[np.int64]],
    likes: NDArray[np.float32],
    scores: Mapping[str, NDArray[np.float32]],
    gains: Mapping[str, NDArray[np.float32]],
    *,
    n_resamples: int,
    seed: int,
) -> MeasuredAgreement:
    def qualities(gain: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array([[measure(score[rows], gain[rows]) for score in scores.values()] for rows in lists])

    def named(quality: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(scores, quality.mean(axis=0).tolist(), strict=True))

    real, rng = qualities(likes), np.random.default_rng(seed)  # (users, recommenders)
    times = rng.multinomial(len(lists), np.full(len(lists), 1 / len(lists)), size=n_resamples)
    halves = [rng.permutation(len(lists)) for _ in range(n_resamples)]
    judges: dict[str, Agreement] = {}
    for judge, gain in gains.items():
        simulated = qualities(gain)
        taus = [_tau(a, b) for a, b in zip(times @ real, times @ simulated, strict=True)]
        judges[judge] = {
            "kendall_tau": _tau(real.sum(axis=0), simulated.sum(axis=0)),
            "ci95": np.percentile(taus, [2.5, 97.5]).tolist(),
            "quality": named(simulated),
        }
    return {
        "real_quality": named(real),
        "split_half_tau": float(np.mean([_tau(real[h[::2]].sum(axis=0), real[h[1::2]].sum(axis=0)) for h in halves])),
        "judges": judges,
    }


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    result: Any = kendalltau(a, b)  # scipy declares no type for it
    return float(result.statistic) if np.isfinite(result.statistic) else 0.0  # all equal: no order to agree with
