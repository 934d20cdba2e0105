"""Every feature of one pair, written from its formula without a thought for speed: what fast answers must equal."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.response.features import FEATURE_NAMES
from models.simulation.simulator import UserSimulator

Reaction = tuple[int, bool, float]  # item, like, rating or NaN


def features(world: UserSimulator, user: int, candidate: int, history: list[Reaction]) -> NDArray[np.float64]:
    """The columns of `FEATURE_NAMES` for a user, a candidate and the reactions before it, oldest first."""
    surprises = _surprises(world, history)
    count, likes = len(history), sum(like for _, like, _ in history)
    for_, against, pro_taste, con_taste = _keyword_features(world, candidate, history, surprises)
    near, nearer_disliked, pro_kernel, con_kernel = _similarity_features(world, candidate, history, surprises)
    statistics = float(logit(_statistics_probability(world, candidate, history)))
    found = {
        "sasrec_logit": _sasrec_match(world, candidate, history, surprises)
        + world.sasrec.statistics_weight.item() * statistics,
        "statistics_logit": statistics,
        "factor_match": _factor_match(world, candidate, history, surprises),
        "user_effect": float(world.models.bias.user_effects[user]),
        "item_effect": float(world.models.bias.item_effects[candidate]),
        "keywords_for": np.log1p(for_),
        "keywords_against": np.log1p(against),
        "keywords_balance": np.log1p(for_) - np.log1p(against),
        "similarity_for": near,
        "similarity_against": nearer_disliked,
        "similarity_balance": near - nearer_disliked,
        "pro_keyword_taste": pro_taste,
        "con_keyword_taste": con_taste,
        "pro_similarity_taste": pro_kernel,
        "con_similarity_taste": con_kernel,
        "history_size": np.log1p(count),
        "history_like_share": (likes + 1) / (count + 2),
        "word_taste": _taste(_words(world), candidate, history, surprises),
        "recent_category_logit": world.models.recency.weight * _recent_share(world, candidate, history),
        "user_kinds": _kinds_match(world, candidate, history, surprises),
        "ease_score": _ease_score(world, candidate, history),
    }
    return np.array([found[name] for name in FEATURE_NAMES], dtype=np.float64)


def _in_category(world: UserSimulator, candidate: int, history: list[Reaction]) -> list[Reaction]:
    categories = world.knowledge.categories.toarray() > 0
    return [reaction for reaction in history if (categories[candidate] & categories[reaction[0]]).any()] or history


def _recent_share(world: UserSimulator, candidate: int, history: list[Reaction]) -> float:
    categories = world.knowledge.categories.toarray() > 0
    return sum(bool((categories[candidate] & categories[item]).any()) for item, _, _ in history[-5:]) / 5


def _surprises(world: UserSimulator, history: list[Reaction]) -> list[float]:
    scalars = world.sasrec.statistics.arrays()["scalars"]
    effects = world.sasrec.statistics.arrays()["rating_effects"]
    _, mean, variance, disliked, liked, _ = scalars.tolist()
    ratings = [(liked if like else disliked) if np.isnan(rating) else rating for _, like, rating in history]
    return [
        (rating - mean - effects[item]) / variance**0.5 for rating, (item, _, _) in zip(ratings, history, strict=True)
    ]


def _keyword_features(
    world: UserSimulator, candidate: int, history: list[Reaction], surprises: list[float]
) -> tuple[float, float, float, float]:
    evidence, tastes = [], []
    for matrix, side in ((world.knowledge.pro, True), (world.knowledge.con, False)):
        has = matrix.toarray() > 0
        chosen = [i for i, like, _ in _in_category(world, candidate, history) if like == side]
        evidence.append(float(sum((has[candidate] & has[i]).sum() for i in chosen)))
        tastes.append(_taste(has, candidate, history, surprises))
    return evidence[0], evidence[1], tastes[0], tastes[1]


def _taste(has: NDArray[np.bool_], candidate: int, history: list[Reaction], surprises: list[float]) -> float:
    """Of which items have which keywords (n_items, v)."""
    usual = sum(surprises) / (len(history) + 5)
    weights, values = [], []
    for keyword in np.flatnonzero(has[candidate]):
        known = [s - usual for (i, _, _), s in zip(history, surprises, strict=True) if has[i, keyword]]
        weights.append(np.log(len(has) / has[:, keyword].sum()))
        values.append(sum(known) / (len(known) + 5))
    return float(np.average(values, weights=weights)) if sum(weights) > 0 else 0.0


def _words(world: UserSimulator) -> NDArray[np.bool_]:
    words = world.models.words.item_words
    has = np.zeros((world.n_items, words.n_words), dtype=bool)
    has[np.repeat(np.arange(world.n_items), np.diff(words.starts)), words.words] = True
    return has


def _similarity_features(
    world: UserSimulator, candidate: int, history: list[Reaction], surprises: list[float]
) -> tuple[float, float, float, float]:
    nearest, tastes = [], []
    for vectors, side in ((world.knowledge.pro_vectors, True), (world.knowledge.con_vectors, False)):
        both = [vectors[candidate].any() and vectors[i].any() for i, _, _ in history]
        cosines = [float(vectors[candidate] @ vectors[i]) for i, _, _ in history]
        inside = _in_category(world, candidate, history)
        chosen = [
            c for c, known, r in zip(cosines, both, history, strict=True) if known and r in inside and r[1] == side
        ]
        nearest.append(max(chosen, default=None))
        weights = [np.exp(10 * (c - 1)) if known else 0.0 for c, known in zip(cosines, both, strict=True)]
        tastes.append(sum(w * s for w, s in zip(weights, surprises, strict=True)) / (sum(weights) + 1))
    if nearest == [None, None]:
        return 0.0, 0.0, tastes[0], tastes[1]
    neutral = world.models.similarity.neutral
    high, low = (value if found is None else found for found, value in zip(nearest, neutral[::-1], strict=True))
    return high, low, tastes[0], tastes[1]


def _factor_match(world: UserSimulator, candidate: int, history: list[Reaction], surprises: list[float]) -> float:
    if not history:
        return 0.0
    factors = world.models.factors
    q = factors.items[[i for i, _, _ in history]].astype(np.float64)
    rest = np.array(surprises) - sum(surprises) / (len(history) + 5)
    ridge = factors.settings.penalty * np.eye(q.shape[1])
    return float(np.linalg.solve(q.T @ q + ridge, q.T @ rest) @ factors.items[candidate])


def _kinds_match(world: UserSimulator, candidate: int, history: list[Reaction], surprises: list[float]) -> float:
    kinds, knowledge = world.models.kinds, world.knowledge
    levels = kinds.own.astype(np.float64) + knowledge.pro.toarray() @ kinds.pro + knowledge.con.toarray() @ kinds.con
    levels = levels.reshape(len(levels), *kinds.shares.shape)
    usual = sum(surprises) / (len(history) + 5)
    expected = []
    for mixture, (shares, precision) in enumerate(zip(kinds.shares, kinds.precisions, strict=True)):
        density = np.array(shares, dtype=np.float64)
        for (i, _, _), surprise in zip(history, surprises, strict=True):
            density *= np.exp(-precision * (surprise - usual - levels[i, mixture]) ** 2 / 2)
        expected.append(density @ levels[candidate, mixture] / density.sum())
    return float(np.mean(expected))


def _ease_score(world: UserSimulator, candidate: int, history: list[Reaction]) -> float:
    ease = world.models.ease
    known = {int(item): place for place, item in enumerate(ease.items)}
    if candidate not in known:
        return 0.0
    weights = [float(ease.weights[known[candidate], known[i]]) if i in known else 0.0 for i, _, _ in history]
    return sum(w if like else -w for w, (_, like, _) in zip(weights, history, strict=True))


def _statistics_probability(world: UserSimulator, candidate: int, history: list[Reaction]) -> float:
    statistics = world.sasrec.statistics
    arrays = statistics.arrays()
    overall, mean, variance, disliked, liked, threshold = arrays["scalars"].tolist()
    alone = expit(overall + arrays["like_effects"])
    residuals = [
        ((liked if like else disliked) if np.isnan(rating) else rating) - mean - arrays["rating_effects"][i]
        for i, like, rating in history
    ]
    count, rating_effect = len(history), sum(residuals) / (len(history) + 5)
    like_effect = sum(like - alone[i] for i, like, _ in history) / (
        sum(alone[i] * (1 - alone[i]) for i, _, _ in history) + 1
    )
    spread = (sum((r - rating_effect) ** 2 for r in residuals) + 5 * variance) / (count + 5)
    by_category = []
    for category in np.flatnonzero(statistics.categories[candidate]):
        inside = [(r, x) for r, x in zip(history, residuals, strict=True) if statistics.categories[r[0], category]]
        certainty = sum(alone[i] * (1 - alone[i]) for (i, _, _), _ in inside)
        surprise = sum(like - alone[i] for (i, like, _), _ in inside)
        by_category.append(
            (
                sum(x - rating_effect for _, x in inside) / (len(inside) + 5),
                (surprise - certainty * like_effect) / (certainty + 1),
                np.log1p(len(inside)),
            )
        )
    rating_in, like_in, count_in = np.mean(by_category, axis=0) if by_category else (0.0, 0.0, 0.0)
    likes = sum(like for _, like, _ in history)
    expected = mean + arrays["rating_effects"][candidate] + rating_effect + rating_in
    columns = [
        arrays["like_effects"][candidate],
        arrays["rating_effects"][candidate],
        np.log1p(arrays["counts"][candidate]),
        like_effect,
        rating_effect,
        spread,
        np.log1p(count),
        (likes + 1) / (count + 2),
        rating_in,
        like_in,
        count_in,
        (expected - threshold) / (spread + variance / 2) ** 0.5,
    ]
    means, scales, weights = arrays["weights"].astype(np.float64)
    return float(expit(((np.array(columns) - means) / scales) @ weights + arrays["intercept"][0]))


def _sasrec_match(world: UserSimulator, candidate: int, history: list[Reaction], surprises: list[float]) -> float:
    sasrec = world.sasrec
    tokens = torch.tensor([[i + 1 for i, _, _ in history]], dtype=torch.int64)
    likes = torch.tensor([[like for _, like, _ in history]], dtype=torch.bool)
    with torch.no_grad():
        states = sasrec(tokens, likes, torch.tensor([surprises], dtype=torch.float32))
        return float(states[0, -1] @ sasrec.vectors(torch.tensor(candidate + 1)))
