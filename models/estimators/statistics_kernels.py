"""Loops of models/estimators/reaction_statistics.py: what reactions add up to, and the statistics of a candidate.

Every statistic is a function of sums over a history, in total (6) and by category (n_categories, 4):

    count, sum of rating residuals, sum of like - p, sum of p (1 - p); in total also of squared residuals and of likes

where a residual is a rating less the mean and the item's effect, and p the P(like) that the item alone gives.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM
from models.kernels.compiled import loop

STATISTICS = (
    "item_like_effect",
    "item_rating_effect",
    "item_count",
    "user_like_effect",
    "user_rating_effect",
    "user_rating_variance",
    "user_count",
    "user_like_share",
    "category_rating_effect",
    "category_like_effect",
    "category_count",
    "rating_margin",
)
PSEUDO_USER, PSEUDO_CATEGORY = 5.0, 5.0  # reactions at the average that each is given beforehand


class Scalars(NamedTuple):
    """What is learned of all reactions together."""

    global_effect: float  # logit of P(like) at the average user and item
    mean_rating: float
    residual_variance: float  # of ratings less user and item effects
    disliked_rating: float  # typical ones
    liked_rating: float
    threshold: float  # half-way between the highest disliked and the lowest liked rating

    @classmethod
    def of_array(cls, values: NDArray[np.float32]) -> Self:
        """From a checkpoint's array (6,)."""
        return cls(*values.tolist())


class ItemFacts(NamedTuple):
    """What is learned of the items: float32 (n_items,) each, and the categories of each, one after another."""

    like_effects: NDArray[np.float32]
    rating_effects: NDArray[np.float32]
    counts: NDArray[np.float32]
    probabilities: NDArray[np.float32]  # P(like) that the item alone gives
    starts: NDArray[np.int64]  # (n_items + 1,): item i's categories are categories[starts[i] : starts[i + 1]]
    categories: NDArray[np.int64]
    n_categories: int


@loop
def residuals(
    scalars: Scalars,
    rating_effects: NDArray[np.float32],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    ratings: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Ratings (b, l) less the mean and the item's effect, 0 on padding; a missing one is the typical (dis)liked one."""
    rest = np.zeros(items.shape, dtype=np.float32)
    for row in range(items.shape[0]):
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                rest[row, t] = _residual(scalars, rating_effects, items[row, t], likes[row, t], ratings[row, t])
    return rest


@loop
def _residual(
    scalars: Scalars, rating_effects: NDArray[np.float32], item: int, like: np.bool_, rating: np.float32
) -> float:
    given = float(rating)
    if np.isnan(rating):
        given = scalars.liked_rating if like else scalars.disliked_rating
    return given - scalars.mean_rating - float(rating_effects[item])


@loop
def statistics(
    scalars: Scalars,
    facts: ItemFacts,
    candidates: NDArray[np.int64],
    histories: tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """The statistics of m candidates (b, m) for each of b histories: float32 (b, m, 12).

    Histories are items, likes and ratings, (b, l) each.
    """
    (items, likes, ratings), (b, m) = histories, candidates.shape
    columns = np.empty((b, m, len(STATISTICS)), dtype=np.float32)
    total, by_category = np.empty(6), np.empty((facts.n_categories, 4))
    for row in range(b):
        total[:], by_category[:] = 0, 0
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                _add((scalars, facts), (items[row, t], likes[row, t], ratings[row, t]), 1.0, total, by_category)
        for k in range(m):
            item = candidates[row, k]
            effects = float(facts.like_effects[item]), float(facts.rating_effects[item]), float(facts.counts[item])
            _describe((scalars, facts), item, effects, (total, by_category), columns[row, k])
    return columns


@loop
def training_statistics(
    scalars: Scalars,
    facts: ItemFacts,
    reactions: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]],
    held_out: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    window: int,
) -> NDArray[np.float32]:
    """The statistics of each of n reactions given the `window` ones before it of the same user: float32 (n, 12).

    Reactions are users, items, likes and ratings, (n,) each, sorted by user and within a user by time; `held_out` are
    their items' like effects, rating effects and counts, (n,) each, as they are without the reaction.
    """
    users, items, likes, ratings = reactions
    columns = np.empty((len(users), len(STATISTICS)), dtype=np.float32)
    total, by_category, first = np.zeros(6), np.zeros((facts.n_categories, 4)), 0
    for row in range(len(users)):
        if row > 0 and users[row] != users[row - 1]:
            first = row
            total[:], by_category[:] = 0, 0
        if row > first:
            latest = items[row - 1], likes[row - 1], ratings[row - 1]
            _add((scalars, facts), latest, 1.0, total, by_category)
        gone = row - 1 - window
        if gone >= first:
            _add((scalars, facts), (items[gone], likes[gone], ratings[gone]), -1.0, total, by_category)
        effects = float(held_out[0][row]), float(held_out[1][row]), float(held_out[2][row])
        _describe((scalars, facts), items[row], effects, (total, by_category), columns[row])
    return columns


@loop
def _add(
    learned: tuple[Scalars, ItemFacts],
    reaction: tuple[int, np.bool_, np.float32],
    sign: float,
    total: NDArray[np.float64],
    by_category: NDArray[np.float64],
) -> None:
    """Add a reaction to the sums, or take it away."""
    (scalars, facts), (item, like, rating) = learned, reaction
    residual = _residual(scalars, facts.rating_effects, item, like, rating)
    p, liked = float(facts.probabilities[item]), 1.0 if like else 0.0
    total[0] += sign
    total[1] += sign * residual
    total[2] += sign * (liked - p)
    total[3] += sign * p * (1 - p)
    total[4] += sign * residual**2
    total[5] += sign * liked
    for at in range(facts.starts[item], facts.starts[item + 1]):
        own = by_category[facts.categories[at]]
        own[0] += sign
        own[1] += sign * residual
        own[2] += sign * (liked - p)
        own[3] += sign * p * (1 - p)


@loop
def _describe(
    learned: tuple[Scalars, ItemFacts],
    item: int,
    effects: tuple[float, float, float],
    sums: tuple[NDArray[np.float64], NDArray[np.float64]],
    columns: NDArray[np.float32],
) -> None:
    """Write the statistics, in the order of `STATISTICS`, of an item with these effects and count for these sums."""
    (scalars, facts), (total, by_category), (like_effect, rating_effect, n_ratings) = learned, sums, effects
    count, residual, surprise, certainty, squared, liked = total
    user_rating = residual / (count + PSEUDO_USER)
    user_like = surprise / (certainty + 1)  # a Newton step towards the user's own logit
    noise = PSEUDO_USER * scalars.residual_variance
    variance = (squared - 2 * user_rating * residual + count * user_rating**2 + noise) / (count + PSEUDO_USER)
    category_rating = category_like = category_count = 0.0
    first, end = facts.starts[item], facts.starts[item + 1]
    for at in range(first, end):  # what reactions to a category say beyond what all reactions say
        n, rest, surprise, certainty = by_category[facts.categories[at]]
        category_rating += (rest - n * user_rating) / (n + PSEUDO_CATEGORY) / (end - first)
        category_like += (surprise - certainty * user_like) / (certainty + 1) / (end - first)
        category_count += np.log1p(n) / (end - first)
    expected = scalars.mean_rating + rating_effect + user_rating + category_rating
    columns[0], columns[1], columns[2] = like_effect, rating_effect, np.log1p(n_ratings)
    columns[3], columns[4], columns[5] = user_like, user_rating, variance
    columns[6], columns[7] = np.log1p(count), (liked + 1) / (count + 2)
    columns[8], columns[9], columns[10] = category_rating, category_like, category_count
    columns[11] = (expected - scalars.threshold) / np.sqrt(variance + scalars.residual_variance / 2)
