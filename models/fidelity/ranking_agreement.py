"""Ranking agreement: whether the simulator puts recommenders in the order in which real users put them.

Each recommender orders a user's held-out items; how good that order is, is measured once with the real likes and once
with the simulator's. Kendall's tau says how far the two orders of the recommenders agree; its interval comes from
drawing users with replacement. Three measures: the mean over users of the AUC within a user's list; the same with users
weighed by their pairs of a like and a dislike, so that a user with one such pair does not say as much as one with
hundreds (the weighted user AUC of Zhu et al., arXiv 1706.06978); and the mean of NDCG (Järvelin and Kekäläinen 2002).

Recommenders that real users hardly tell apart can come out in any order. So the tau of all pairs of recommenders is
reported beside that of the pairs that real reactions tell apart (a paired bootstrap over users, as in Sakai, SIGIR
2006).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from models.fidelity.ranking import NO_PAIR, mixed_lists, ndcg, user_auc, weighted_user_auc
from models.interactions import Interactions
from models.metrics.results import Interval, Result

_Measure = Callable[[NDArray[np.float32], NDArray[np.float32]], tuple[float, float]]
"""Quality of a list's order and its weight in the mean, from scores and gains (n,) each."""


class PartialAgreement(Result):
    """Agreement of the order of some of the recommenders only."""

    recommenders: int
    kendall_tau: float
    ci95: Interval
    spearman: float


class Agreement(Result):
    """How one judge's order of the recommenders agrees with the real users'.

    `without` says the same where families of recommenders are left out, by their names. `told_apart_tau` counts only
    pairs of recommenders whose real difference has an interval without 0; None where there is no such pair.
    """

    kendall_tau: float
    ci95: Interval
    spearman: float
    told_apart_tau: float | None
    without: dict[str, PartialAgreement]
    quality: dict[str, float]


class MeasuredAgreement(Result):
    """By one measure: the real quality of every recommender and each judge's agreement with it.

    `split_half_tau` compares two random halves of the real users, on average: what their number lets one expect. Of
    `pairs` pairs of recommenders real users tell `told_apart` apart.
    """

    real_quality: dict[str, float]
    split_half_tau: float
    pairs: int
    told_apart: int
    judges: dict[str, Agreement]


class RankingAgreement(Result):
    """Agreement by measure, and how many users and test pairs it rests on."""

    users: int
    pairs: int
    measures: dict[str, MeasuredAgreement]


def ranking_agreement(
    held_out: Interactions,
    scores: Mapping[str, NDArray[np.float32]],
    gains: Mapping[str, NDArray[np.float32]],
    families: Mapping[str, Sequence[str]] | None = None,
    *,
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
    families
        Recommenders that are left out together, by the name of the family.
    n_resamples, seed
        Of the bootstrap over users.

    Returns
    -------
    None where no user can tell recommenders apart.
    """
    lists = mixed_lists(held_out)
    if not lists:
        return None
    likes, samples = held_out.likes.astype(np.float32), _Samples.draw(len(lists), n_resamples, seed)
    measures = {
        name: _measured(measure, lists, likes, scores, gains, samples=samples, families=families or {})
        for name, measure in (("auc", _plain(user_auc)), ("weighted auc", weighted_user_auc), ("ndcg", _plain(ndcg)))
    }
    return RankingAgreement(
        users=len(lists),
        pairs=sum(map(len, lists)),
        measures=measures,
    )


def _plain(measure: Callable[[NDArray[np.float32], NDArray[np.float32]], float]) -> _Measure:
    """A measure whose mean takes all users alike."""
    return lambda scores, gains: (measure(scores, gains), 1.0)


class _Qualities(NamedTuple):
    """Quality times weight of each user's list by each recommender, and the weights: (lists, recommenders) each."""

    weighted: NDArray[np.float64]
    weights: NDArray[np.float64]

    def mean(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean quality where each list occurs `times` (..., lists): (..., recommenders)."""
        return (times @ self.weighted) / np.maximum(times @ self.weights, NO_PAIR)


class _Samples(NamedTuple):
    """How often each list occurs in each bootstrap sample, int64 (r, lists), and in r random halves."""

    times: NDArray[np.int64]
    halves: list[NDArray[np.int64]]

    @classmethod
    def draw(cls, n_lists: int, n_resamples: int, seed: int) -> Self:
        rng = np.random.default_rng(seed)
        times = rng.multinomial(n_lists, np.full(n_lists, 1 / n_lists), size=n_resamples)
        halves = [np.bincount(rng.permutation(n_lists)[::2], minlength=n_lists) for _ in range(n_resamples)]
        return cls(times, halves)


def _measured(
    measure: _Measure,
    lists: list[NDArray[np.int64]],
    likes: NDArray[np.float32],
    scores: Mapping[str, NDArray[np.float32]],
    gains: Mapping[str, NDArray[np.float32]],
    *,
    samples: _Samples,
    families: Mapping[str, Sequence[str]],
) -> MeasuredAgreement:
    def qualities(gain: NDArray[np.float32]) -> _Qualities:
        measured = np.array([[measure(score[rows], gain[rows]) for score in scores.values()] for rows in lists])
        return _Qualities(measured[:, :, 0] * measured[:, :, 1], measured[:, :, 1])

    def named(quality: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(scores, quality.tolist(), strict=True))

    real, once = qualities(likes), np.ones(len(lists), dtype=np.int64)
    real_means, resampled = real.mean(once), real.mean(samples.times)
    apart = _told_apart(resampled)
    judges: dict[str, Agreement] = {}
    for judge, gain in gains.items():
        simulated = qualities(gain)
        means, again = simulated.mean(once), simulated.mean(samples.times)

        of = partial(_partial, (real_means, means), (resampled, again))
        whole = of(np.arange(len(scores)))
        without = {family: np.flatnonzero([name not in left for name in scores]) for family, left in families.items()}
        same = np.sign(_differences(real_means)) * np.sign(_differences(means))
        judges[judge] = Agreement(
            kendall_tau=whole.kendall_tau,
            ci95=whole.ci95,
            spearman=whole.spearman,
            without={family: of(kept) for family, kept in without.items() if 1 < len(kept) < len(scores)},
            told_apart_tau=float(same[apart].mean()) if apart.any() else None,
            quality=named(means),
        )
    return MeasuredAgreement(
        real_quality=named(real_means),
        split_half_tau=float(np.mean([_tau(real.mean(half), real.mean(1 - half)) for half in samples.halves])),
        pairs=len(apart),
        told_apart=int(apart.sum()),
        judges=judges,
    )


def _partial(
    means: tuple[NDArray[np.float64], NDArray[np.float64]],
    resampled: tuple[NDArray[np.float64], NDArray[np.float64]],
    kept: NDArray[np.int64],
) -> PartialAgreement:
    """Agreement of real and simulated qualities (recommenders,), and of resampled ones (resamples, recommenders)."""
    real, simulated = (quality[kept] for quality in means)
    taus = [_tau(a, b) for a, b in zip(*(quality[:, kept] for quality in resampled), strict=True)]
    return PartialAgreement(
        recommenders=len(kept),
        kendall_tau=_tau(real, simulated),
        ci95=np.percentile(taus, [2.5, 97.5]).tolist(),
        spearman=_spearman(real, simulated),
    )


def _differences(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each pair of recommenders, from qualities (..., recommenders)."""
    first, second = np.triu_indices(quality.shape[-1], 1)
    return quality[..., first] - quality[..., second]


def _told_apart(resampled: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs whose difference has a 95 % interval without 0, from qualities (resamples, recommenders)."""
    low, high = np.percentile(_differences(resampled), [2.5, 97.5], axis=0)
    return (low > 0) | (high < 0)


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    result: Any = kendalltau(a, b)  # scipy declares no type for it
    return float(result.statistic) if np.isfinite(result.statistic) else 0.0  # all equal: no order to agree with


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0  # all equal: no order to agree with
    result: Any = spearmanr(a, b)  # scipy declares no type for it
    return float(result.statistic)
