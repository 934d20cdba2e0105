"""Arithmetic below models/estimators/reaction_statistics.py: what a history sums up to, and the statistics of it.

`pair_statistics` is one compiled pass over each history, for a user and a candidate that belong together. `summed` and
`columns` come to the same in arrays, where a history meets a whole catalogue, or a training reaction what came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, HistoryArrays
from models.kernels.compiled import Plain, inner_loop, loop

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


ItemCategories = tuple[NDArray[np.int64], NDArray[np.int64], int]
"""starts, members and n_categories of `Learned`."""


class Learned(NamedTuple):
    """What is known of the items: float32 (n_items,) each, and the categories of each, one after another."""

    like_effects: NDArray[np.float32]
    rating_effects: NDArray[np.float32]
    counts: NDArray[np.float32]
    alone: NDArray[np.float32]  # P(like) that the item alone gives
    starts: NDArray[np.int64]  # (n_items + 1,): item i's categories are members[starts[i] : starts[i + 1]]
    members: NDArray[np.int64]
    n_categories: int


@dataclass(frozen=True)
class Sums:
    """Sums over b histories: total (b, 6) and by category (b, 4, k); the columns are those of `reaction_terms`."""

    total: NDArray[np.float32]
    by_category: NDArray[np.float32]


@dataclass(frozen=True)
class CandidateItems:
    """What is known of b candidates: float32 (b,) each, and categories (b, k) whose rows add up to 1 or are 0."""

    like_effects: NDArray[np.float32]
    rating_effects: NDArray[np.float32]
    counts: NDArray[np.float32]
    categories: NDArray[np.float32]


class Usual(NamedTuple):
    """What ratings are measured against: typical ones, the items' effects (n_items,), and what counts as 1."""

    scalars: Scalars
    rating_effects: NDArray[np.float32]
    scale: float


@loop
def residuals_of(known: Plain, histories: Plain) -> NDArray[np.float32]:
    """`residual` of each reaction of b histories, float32 (b, l), 0 on padding.

    `Usual` and `HistoryArrays` come as `plain` tuples.
    """
    usual, (items, likes, ratings) = Usual(Scalars(*known[0]), known[1], known[2]), histories
    residuals = np.zeros(items.shape, dtype=np.float32)
    for row in range(items.shape[0]):
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                residuals[row, t] = residual(usual, items[row, t], likes[row, t], ratings[row, t])
    return residuals


@inner_loop
def residual(usual: Usual, item: int, like: np.bool_, rating: np.float32) -> float:
    """A rating less its item's usual one, over the scale; a missing one is the typical (dis)liked one."""
    given = _rating(usual.scalars, like, rating)
    return (given - usual.scalars.mean_rating - usual.rating_effects[item]) / usual.scale


@inner_loop
def _rating(scalars: Scalars, like: np.bool_, rating: np.float32) -> float:
    if np.isnan(rating):
        return scalars.liked_rating if like else scalars.disliked_rating
    return float(rating)


@loop
def pair_statistics(
    scalars: Scalars,
    learned: Learned,
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
) -> NDArray[np.float32]:
    """`columns` of users and items that belong together, float32 (b, 12): one pass over each history."""
    items, likes, ratings = histories
    found = np.empty((len(candidates), len(STATISTICS)), dtype=np.float32)
    by_category = np.empty((learned.n_categories, 4), dtype=np.float64)
    starts, members = learned.starts, learned.members
    for row, candidate in enumerate(candidates):
        by_category[:] = 0
        count = residual = surprise = certainty = squared = liked = 0.0
        for t in range(items.shape[1]):
            item = items[row, t]
            if item == NO_ITEM:
                continue
            rest = _rating(scalars, likes[row, t], ratings[row, t]) - scalars.mean_rating - learned.rating_effects[item]
            p, like = float(learned.alone[item]), 1.0 if likes[row, t] else 0.0
            count, residual, squared, liked = count + 1, residual + rest, squared + rest**2, liked + like
            surprise, certainty = surprise + like - p, certainty + p * (1 - p)
            for at in range(starts[item], starts[item + 1]):
                sums = by_category[members[at]]
                sums[0] += 1
                sums[1] += rest
                sums[2] += like - p
                sums[3] += p * (1 - p)
        rating_effect, like_effect = residual / (count + PSEUDO_USER), surprise / (certainty + 1)
        noise = PSEUDO_USER * scalars.residual_variance
        variance = (squared - 2 * rating_effect * residual + count * rating_effect**2 + noise) / (count + PSEUDO_USER)
        category_rating = category_like = category_count = 0.0
        first, end = starts[candidate], starts[candidate + 1]
        for at in range(first, end):
            n, rest, surprise, certainty = by_category[members[at]]
            category_rating += (rest - n * rating_effect) / (n + PSEUDO_CATEGORY) / (end - first)
            category_like += (surprise - certainty * like_effect) / (certainty + 1) / (end - first)
            category_count += np.log1p(n) / (end - first)
        expected = scalars.mean_rating + learned.rating_effects[candidate] + rating_effect + category_rating
        of_row = found[row]
        of_row[0], of_row[1] = learned.like_effects[candidate], learned.rating_effects[candidate]
        of_row[2], of_row[3], of_row[4] = np.log1p(learned.counts[candidate]), like_effect, rating_effect
        of_row[5], of_row[6], of_row[7] = variance, np.log1p(count), (liked + 1) / (count + 2)
        of_row[8], of_row[9], of_row[10] = category_rating, category_like, category_count
        of_row[11] = (expected - scalars.threshold) / np.sqrt(variance + scalars.residual_variance / 2)
    return found


@loop
def reaction_terms(
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    residuals: NDArray[np.float32],
    expected: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What each interaction (b, l) adds to the sums of its user: float32 (b, l, 6), 0 on padding.

    Count, rating residual, like less the P(like) that is `expected` of the item alone, the variance of that P(like);
    and squared residual and like, which are not summed by category.
    """
    terms = np.zeros((*items.shape, 6), dtype=np.float32)
    for row in range(items.shape[0]):
        for t, item in enumerate(items[row]):
            if item != NO_ITEM:
                of_one, like, p = terms[row, t], np.float32(likes[row, t]), expected[item]
                of_one[0], of_one[1] = 1, residuals[row, t]
                of_one[2], of_one[3] = like - p, p * (1 - p)
                of_one[4], of_one[5] = residuals[row, t] ** 2, like
    return terms


@loop
def summed(
    items: NDArray[np.int64],
    terms: NDArray[np.float32],
    of_categories: ItemCategories,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums of the terms (b, l, 6) of each row: float32 (b, 6), and of the first four by category: (b, 4, k)."""
    (b, length), (_, _, n_categories) = items.shape, of_categories
    total, by_category = np.zeros((b, 6), dtype=np.float32), np.zeros((b, 4, n_categories), dtype=np.float32)
    for row in range(b):
        for t in range(length):
            item = items[row, t]
            if item != NO_ITEM:
                _add(total[row], by_category[row], item, terms[row, t], of_categories)
    return total, by_category


@inner_loop
def _add(
    total: NDArray[np.floating],
    by_category: NDArray[np.floating],
    item: int,
    terms: NDArray[np.float32],
    of_categories: ItemCategories,
) -> None:
    starts, members, _ = of_categories
    for k in range(6):
        total[k] += terms[k]
    for at in range(starts[item], starts[item + 1]):
        for k in range(4):
            by_category[k, members[at]] += terms[k]


def columns(scalars: Scalars, sums: Sums, items: CandidateItems, crossed: bool) -> list[NDArray[np.float32]]:
    """The statistics of b users and candidates, in the order of `STATISTICS`.

    Each is (b,) where the users belong to the items one by one; where they are `crossed`, each broadcasts to
    (b, n_items).
    """
    count, residual, surprise, certainty, squared, likes = sums.total.T
    rating_effect = residual / (count + PSEUDO_USER)
    like_effect = surprise / (certainty + 1)  # a Newton step towards the user's own logit
    noise = PSEUDO_USER * scalars.residual_variance
    variance = (squared - 2 * rating_effect * residual + count * rating_effect**2 + noise) / (count + PSEUDO_USER)
    in_category, rest, surprises, certainties = sums.by_category.transpose(1, 0, 2)  # (b, k) each
    by_category = (  # what the user's reactions to a category say beyond what all their reactions say
        (rest - in_category * rating_effect[:, None]) / (in_category + PSEUDO_CATEGORY),
        (surprises - certainties * like_effect[:, None]) / (certainties + 1),
        np.log1p(in_category),
    )
    if crossed:
        of_user, of_pair = (lambda x: x[:, None]), (lambda x: x @ items.categories.T)
    else:
        of_user, of_pair = (lambda x: x), (lambda x: (x * items.categories).sum(axis=1))
    category_rating, category_like, category_count = (of_pair(x) for x in by_category)
    expected = scalars.mean_rating + items.rating_effects + of_user(rating_effect) + category_rating
    spread = np.sqrt(variance + scalars.residual_variance / 2)
    return [
        items.like_effects,
        items.rating_effects,
        np.log1p(items.counts),
        of_user(like_effect),
        of_user(rating_effect),
        of_user(variance),
        of_user(np.log1p(count)),
        of_user((likes + 1) / (count + 2)),
        category_rating,
        category_like,
        category_count,
        (expected - scalars.threshold) / of_user(spread),
    ]


@loop
def sums_before(
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    terms: NDArray[np.float32],
    window: int,
    of_categories: ItemCategories,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `summed` gives of the `window` interactions before each of n, of the same user: (n, 6) and (n, 4, k).

    Interactions (n,) with terms (n, 6) are sorted by user, each user's oldest first. A sum is the difference of two
    that begin with the user's first interaction, in float64.
    """
    n, (_, _, n_categories) = len(users), of_categories
    total, by_category = np.empty((n, 6), dtype=np.float32), np.empty((n, 4, n_categories), dtype=np.float32)
    of_all, of_category = np.zeros((2, 6)), np.zeros((2, 4, n_categories))  # up to now, up to where the window begins
    first = 0
    for row in range(n):
        if row > 0 and users[row] != users[row - 1]:
            first = row
            of_all[:], of_category[:] = 0, 0
        for past, added in enumerate((row - 1, row - 1 - window)):
            if added >= first:
                _add(of_all[past], of_category[past], items[added], terms[added], of_categories)
        total[row], by_category[row] = of_all[0] - of_all[1], of_category[0] - of_category[1]
    return total, by_category
