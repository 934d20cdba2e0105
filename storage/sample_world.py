"""The sample world: places, people with hidden preferences, ratings and reviews, and the truth behind them.

Places have good and bad aspects, which differ by category. A user cares about a few aspects of each category; a rating
is the utility of the place's aspects to that user plus noise, rounded. Since the noise is known, so is the true P(like) of
every pair: the best that any predictor can do. Reviews mention the aspects that moved the rating.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import norm

from storage.sample_aspects import (
    CATEGORIES,
    CON_OPENINGS,
    CON_SENTENCES,
    DESCRIPTION_OPENINGS,
    NAME_FIRST,
    NAME_SECOND,
    NEIGHBOURHOODS,
    PRO_OPENINGS,
    PRO_SENTENCES,
    Aspect,
)

_DAY = 86_400
_FIRST_DAY = 1_577_836_800  # 2020-01-01


class SampleWorldSettings(BaseModel):
    """Size and difficulty of the sample world."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: int = Field(default=300, ge=1, description="number of users")
    items: int = Field(default=200, ge=5, description="number of places, spread evenly over five categories")
    ratings_per_user: int = Field(default=32, ge=5, description="mean number of ratings of a user")
    noise: float = Field(default=1.3, gt=0, description="standard deviation of the noise on the rating scale")
    preference: float = Field(default=0.8, ge=0, description="weight of an aspect that a user cares about")
    cared_share: float = Field(default=0.35, ge=0, le=1, description="share of aspects that a user cares about")
    user_spread: float = Field(default=0.4, ge=0, description="standard deviation of how generous users are")
    centre: float = Field(default=3.0, description="rating of a place whose aspects cancel out")


@dataclass(frozen=True)
class SampleWorld:
    """A generated dataset under its own ids, and its truth (row numbers of users and items).

    Parameters
    ----------
    interactions
        user_id, item_id, rating, timestamp, review_text.
    items
        item_id, name, categories, attributes, description.
    probability
        float32 array of shape (users, items): the true P(like) at the given threshold.
    aspects
        item_id, aspect, side: what each place truly has.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    probability: NDArray[np.float32]
    aspects: pl.DataFrame


def user_name(user: int) -> str:
    """Id of a sample user."""
    return f"u{user}"


def item_name(item: int) -> str:
    """Id of a sample place."""
    return f"i{item}"


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
    category = np.arange(settings.items) % len(CATEGORIES)
    levels = _levels(rng, category)  # (items, aspects): 1 has the good side, -1 the bad one, 0 neither
    preferences = _preferences(rng, settings)  # (users, aspects)
    generosity = rng.normal(scale=settings.user_spread, size=settings.users)
    expected = settings.centre + generosity[:, None] + preferences @ levels.T
    probability = norm.sf((like_threshold - 0.5 - expected) / settings.noise).astype(np.float32)
    users, items = _exposure(rng, settings, expected)
    ratings = np.clip(np.rint(expected[users, items] + rng.normal(scale=settings.noise, size=len(users))), 1, 5)
    reviews = _reviews(rng, preferences[users] * levels[items], levels[items], ratings >= like_threshold)
    interactions = pl.DataFrame(
        {
            "user_id": [user_name(user) for user in users.tolist()],
            "item_id": [item_name(item) for item in items.tolist()],
            "rating": ratings.astype(np.float32),
            "timestamp": _timestamps(rng, users),
            "review_text": reviews,
        }
    )
    return SampleWorld(interactions, _items(rng, category, levels), probability, _true_aspects(levels))


def _all_aspects() -> list[Aspect]:
    return [aspect for aspects in CATEGORIES.values() for aspect in aspects]


def _levels(rng: np.random.Generator, category: NDArray[np.int64]) -> NDArray[np.float64]:
    per_category = len(next(iter(CATEGORIES.values())))
    own = rng.choice([1.0, 0.0, -1.0], p=[0.36, 0.36, 0.28], size=(len(category), per_category))
    levels = np.zeros((len(category), per_category * len(CATEGORIES)))
    columns = category[:, None] * per_category + np.arange(per_category)
    np.put_along_axis(levels, columns, own, axis=1)
    return levels


def _preferences(rng: np.random.Generator, settings: SampleWorldSettings) -> NDArray[np.float64]:
    shape = (settings.users, len(_all_aspects()))
    cares = rng.random(shape) < settings.cared_share
    return cares * settings.preference * rng.gamma(4.0, 0.25, size=shape)


def _exposure(
    rng: np.random.Generator, settings: SampleWorldSettings, expected: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who visits what: known places, and what suits the user, are visited more often; no place twice."""
    low, high = max(5, settings.ratings_per_user // 2), settings.ratings_per_user * 3 // 2
    counts = np.minimum(rng.integers(low, high + 1, size=settings.users), settings.items)
    fame = rng.gamma(1.5, size=settings.items)
    # Gumbel's trick: the largest perturbed log-weights are a draw without repeats.
    weights = np.log(fame) + 0.25 * expected + rng.gumbel(size=expected.shape)
    ranked = np.argsort(-weights, axis=1)
    taken = np.arange(settings.items) < counts[:, None]
    order = rng.random(taken.shape)
    order[~taken] = np.inf
    shuffled = np.take_along_axis(ranked, np.argsort(order, axis=1), axis=1)
    return np.repeat(np.arange(settings.users), counts), shuffled[taken]


def _timestamps(rng: np.random.Generator, users: NDArray[np.int64]) -> NDArray[np.int64]:
    gaps = 1 + rng.exponential(12, size=len(users)).astype(np.int64)
    totals = np.cumsum(gaps)
    first = np.searchsorted(users, users)
    return _FIRST_DAY + _DAY * (totals - totals[first] + users % 200)


def _reviews(
    rng: np.random.Generator, moved: NDArray[np.float64], levels: NDArray[np.float64], likes: NDArray[np.bool_]
) -> list[str]:
    """One to three sentences: what moved the user most on the side of the reaction, at times one word of the other."""
    aspects = _all_aspects()
    texts = []
    for effect, level, like, draw in zip(moved, levels, likes, rng.random((len(likes), 6)), strict=True):
        sign = 1 if like else -1
        agreeing = [k for k in np.argsort(-sign * effect)[:2] if sign * effect[k] > 0]
        if not agreeing:
            agreeing = np.flatnonzero(level == sign)[:1].tolist()
        chosen = [(k, sign) for k in agreeing[: 1 + int(draw[0] < 0.6)]]
        opposing = int(np.argmin(sign * effect))
        if sign * effect[opposing] < 0 and draw[1] < 0.25:
            chosen.append((opposing, -sign))
        openings = PRO_OPENINGS if like else CON_OPENINGS
        sentences = [openings[int(draw[2] * len(openings))]]
        for position, (k, side) in enumerate(chosen):
            words = aspects[k].pro if side > 0 else aspects[k].con
            templates = PRO_SENTENCES if side > 0 else CON_SENTENCES
            template = templates[int((draw[3] + 0.37 * position) % 1 * len(templates))]
            sentences.append(template.format(words[int(draw[4 + position % 2] < 0.4)]))
        texts.append(" ".join(sentence for sentence in sentences if sentence) or openings[0])
    return texts


def _items(rng: np.random.Generator, category: NDArray[np.int64], levels: NDArray[np.float64]) -> pl.DataFrame:
    aspects, names = _all_aspects(), list(CATEGORIES)
    pairs = rng.permutation(len(NAME_FIRST) * len(NAME_SECOND))
    rows = []
    for item, kind in enumerate(category.tolist()):
        first, second = divmod(int(pairs[item % len(pairs)]), len(NAME_SECOND))
        number = f" {item // len(pairs) + 1}" if item >= len(pairs) else ""
        place = NEIGHBOURHOODS[int(rng.integers(len(NEIGHBOURHOODS)))]
        present = rng.permutation(np.flatnonzero(levels[item]))[:4]
        said = [(aspects[k].pro if levels[item, k] > 0 else aspects[k].con)[0] for k in present]
        opening = DESCRIPTION_OPENINGS[int(rng.integers(len(DESCRIPTION_OPENINGS)))]
        listed = " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said) or "a plain look"
        rows.append(
            (
                item_name(item),
                f"{NAME_FIRST[first]} {NAME_SECOND[second]} {names[kind]}{number}",
                [names[kind]],
                f"Neighbourhood: {place}.",
                opening.format(category=names[kind].lower(), place=place, aspects=listed),
            )
        )
    schema = ["item_id", "name", "categories", "attributes", "description"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _true_aspects(levels: NDArray[np.float64]) -> pl.DataFrame:
    items, columns = np.nonzero(levels)
    good = levels[items, columns] > 0
    aspects = _all_aspects()
    return pl.DataFrame(
        {
            "item_id": items.astype(np.int64),
            "aspect": [
                (aspects[k].pro if side else aspects[k].con)[0]
                for k, side in zip(columns.tolist(), good.tolist(), strict=True)
            ],
            "side": np.where(good, "pro", "con"),
        }
    )
