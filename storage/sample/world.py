"""The sample world: places, people with hidden preferences, ratings and reviews, and the truth behind them.

Places have good and bad aspects, which differ by category. What a user cares about comes from one of a few characters
plus the user's own taste; a rating is the utility of the place's aspects to that user plus noise, rounded. Since the
noise is known, so is the true P(like) of every pair: the best that any predictor can do. Where users get bored, a
place pleases less after visits to others of its category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from storage.sample.aspects import Category, load_categories
from storage.sample.texts import place_table, review_texts
from storage.settings.sample import SampleWorldSettings

_DAY = 86_400
_FIRST_DAY = 1_577_836_800  # 2020-01-01
_LEVELS, _LEVEL_SHARES = (1, 0, -1), (0.36, 0.36, 0.28)


@dataclass(frozen=True)
class SampleWorld:
    """A generated dataset under its own ids, and its truth.

    Parameters
    ----------
    interactions
        user_id, item_id, rating, timestamp, review_text.
    items
        item_id, name, categories, attributes, description.
    truth
        user_id, item_id, probability for every pair: the true P(like) of a user who remembers no visit.
    aspects
        item_id, aspect, side: what each place truly has.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    truth: pl.DataFrame
    aspects: pl.DataFrame


def generate(settings: SampleWorldSettings, like_threshold: float, seed: int) -> SampleWorld:
    """Generate a world; equal settings and seed give equal worlds.

    Parameters
    ----------
    settings
        Size and difficulty.
    like_threshold
        Rating from which a reaction is a like.
    seed
        Seed of every draw.
    """
    rng = np.random.default_rng(seed)
    categories = load_categories()[: settings.categories]
    category = np.arange(settings.items) % len(categories)
    shape = (settings.items, len(categories[0].aspects))
    levels = rng.choice(np.array(_LEVELS, dtype=np.int8), p=_LEVEL_SHARES, size=shape)
    weights = _weights(rng, settings, categories)
    expected = _expected(rng, settings, weights, category, levels)
    # A rating is the rounded utility, so it reaches the threshold where the utility is within half a star of it.
    probability = norm.sf((np.ceil(like_threshold) - 0.5 - expected) / settings.noise).astype(np.float32)
    users, items = _visits(rng, settings, expected)
    utilities = expected[users, items] + rng.normal(scale=settings.noise, size=len(users))
    utilities -= settings.boredom * _recent_shares(users, category[items], settings.boredom_memory)
    ratings = np.clip(np.rint(utilities), 1, 5).astype(np.int64)
    effects = weights[users, category[items]] * levels[items]
    likes = ratings >= like_threshold
    reviews = review_texts(rng, categories, category=category[items], effects=effects, ratings=ratings, likes=likes)
    user_ids = pl.Series([f"u{user}" for user in range(settings.users)])
    item_ids = pl.Series([f"i{item}" for item in range(settings.items)])
    interactions = pl.DataFrame(
        {
            "user_id": user_ids.gather(users),
            "item_id": item_ids.gather(items),
            "rating": ratings.astype(np.float32),
            "timestamp": _timestamps(rng, users),
            "review_text": reviews,
        }
    )
    truth = pl.DataFrame(
        {
            "user_id": user_ids.gather(np.repeat(np.arange(settings.users), settings.items)),
            "item_id": item_ids.gather(np.tile(np.arange(settings.items), settings.users)),
            "probability": probability.ravel(),
        }
    )
    places = place_table(rng, category, levels, categories, item_ids.to_list())
    return SampleWorld(interactions, places, truth, _true_aspects(category, levels, categories, item_ids))


def _weights(
    rng: np.random.Generator, settings: SampleWorldSettings, categories: Sequence[Category]
) -> NDArray[np.float64]:
    """How much each user cares: float64 of shape (users, categories, aspects of a category).

    Log-weights are the character's (half of them shared by aspects of one key, such as value for money in cafés and in
    hotels) plus the user's own. The root mean square over the aspects of a category is `preference`.
    """
    keys = [[aspect.key for aspect in category.aspects] for category in categories]
    names = sorted({key for row in keys for key in row})
    columns = np.array([[names.index(key) for key in row] for row in keys])
    shared = rng.normal(size=(settings.characters, len(names)))[:, columns]
    own = rng.normal(size=(settings.characters, *columns.shape))
    character = rng.integers(settings.characters, size=settings.users)
    logs = settings.character_spread * ((shared + own) / np.sqrt(2))[character]
    weights = np.exp(logs + rng.normal(scale=settings.taste_spread, size=(settings.users, *columns.shape)))
    return settings.preference * weights / np.sqrt(np.mean(weights**2, axis=2, keepdims=True))


def _expected(
    rng: np.random.Generator,
    settings: SampleWorldSettings,
    weights: NDArray[np.float64],
    category: NDArray[np.int64],
    levels: NDArray[np.int8],
) -> NDArray[np.float64]:
    """Utility without noise: float64 of shape (users, items)."""
    generosity = rng.normal(scale=settings.user_spread, size=(settings.users, 1))
    liking = rng.normal(scale=settings.category_spread, size=(settings.users, weights.shape[1]))
    expected = settings.centre + generosity + liking[:, category]
    for kind in range(weights.shape[1]):
        expected[:, category == kind] += weights[:, kind] @ levels[category == kind].T
    return expected


def _visits(
    rng: np.random.Generator, settings: SampleWorldSettings, expected: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who visits what: known places, and what suits the user, are visited more often; no place twice."""
    low, high = max(5, settings.ratings_per_user // 2), settings.ratings_per_user * 3 // 2
    counts = np.minimum(rng.integers(low, high + 1, size=settings.users), settings.items)
    fame = rng.gamma(1.5, size=settings.items)
    # Gumbel's trick: the places of largest perturbed log-weight are a draw without repeats.
    scores = np.log(fame) + settings.exposure_preference * expected + rng.gumbel(size=expected.shape)
    ranked = np.argsort(-scores, axis=1)[:, : counts.max()]
    visited = np.arange(ranked.shape[1]) < counts[:, None]
    order = np.where(visited, rng.random(visited.shape), np.inf)
    return np.repeat(np.arange(settings.users), counts), np.take_along_axis(ranked, np.argsort(order, axis=1), axis=1)[
        visited
    ]


def _recent_shares(users: NDArray[np.int64], category: NDArray[np.int64], memory: int) -> NDArray[np.float64]:
    """Share of the user's last `memory` visits that were to places of the visit's category: float64 (n,).

    Visits are in order; those that a user has not made yet count as visits to something else.
    """
    same = np.zeros(len(users))
    for back in range(1, memory + 1):
        same[back:] += (users[back:] == users[:-back]) & (category[back:] == category[:-back])
    return same / memory


def _timestamps(rng: np.random.Generator, users: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every user starts on a day of the first half year and comes back after one to many days."""
    days = np.cumsum(1 + rng.exponential(12, size=len(users)).astype(np.int64))
    return _FIRST_DAY + _DAY * (days - days[np.searchsorted(users, users)] + users % 200)


def _true_aspects(
    category: NDArray[np.int64], levels: NDArray[np.int8], categories: Sequence[Category], item_ids: pl.Series
) -> pl.DataFrame:
    items, columns = np.nonzero(levels)
    good = levels[items, columns] > 0
    names = np.array([[(aspect.con, aspect.pro) for aspect in kind.aspects] for kind in categories])
    return pl.DataFrame(
        {
            "item_id": item_ids.gather(items),
            "aspect": names[category[items], columns, good.astype(np.int64)],
            "side": np.where(good, "pro", "con"),
        }
    )
