"""What counts and means say of a reaction: how a user rates, how an item is rated, how the user rates its categories.

A logistic regression on a dozen such statistics, each shrunk towards the average by pseudo-reactions, in the manner of
feature-weighted linear stacking (Sill et al., arXiv 0911.0460) and of the effects that Bell and Koren (2007) remove
before anything else. It reads the rating and not only its sign, and it is the wide part of SASRec (models/sasrec.py;
"wide and deep": Cheng et al., arXiv 1606.07792).

The user's statistics come from the history alone, so a reaction of a minute ago counts like any other; where only like
or dislike is known, the rating is taken to be the mean liked or disliked one. In training, a reaction is described by
what came before it, and its item by everybody else's reactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from models.baselines import Bias
from models.ensemble import Ensemble
from models.interactions import NO_ITEM, Histories, HistoryArrays, Interactions, last

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
MAX_CATEGORIES = 64
_PSEUDO_ITEM = 3.0  # reactions at the average that each item is given beforehand
PSEUDO_USER, PSEUDO_CATEGORY = 5.0, 5.0  # reactions at the average that each is given beforehand
_PENALTY = 100.0  # L2 penalty of the standardised weights, in reactions
_ROUNDS = 15


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
class _Sums:
    """Sums over b histories: total (b, 6) and by category (b, 4, k); the columns are those of `_terms`."""

    total: NDArray[np.float32]
    by_category: NDArray[np.float32]


@dataclass(frozen=True)
class _Items:
    """What is known of b candidates: float32 (b,) each, and categories (b, k) whose rows add up to 1 or are 0."""

    like_effects: NDArray[np.float32]
    rating_effects: NDArray[np.float32]
    counts: NDArray[np.float32]
    categories: NDArray[np.float32]


class ReactionStatistics:
    """Statistics of users, items and categories, and the P(like) that they come to.

    Parameters
    ----------
    categories
        Sparse binary matrix of shape (n_items, n_categories); the `MAX_CATEGORIES` most common ones are used.
    max_history
        Last interactions that count.

    Attributes
    ----------
    category_shares
        float32 array of shape (n_items, k): categories by item; a row adds up to 1, or is 0 where there is none.
    scalars
        What was learned of all reactions together.
    """

    def __init__(self, categories: csr_array, max_history: int) -> None:
        self.max_history = max_history
        sizes = np.asarray(categories.sum(axis=0)).ravel()
        chosen = np.sort(np.argsort(-sizes, kind="stable")[:MAX_CATEGORIES])
        self.categories = categories.toarray()[:, chosen].astype(np.float32)  # (n_items, k)
        self.category_shares = self.categories / np.maximum(self.categories.sum(axis=1, keepdims=True), 1)
        of_item = csr_array(self.categories)
        self._category_starts, self._members = of_item.indptr.astype(np.int64), of_item.indices.astype(np.int64)
        n_items = len(self.categories)
        self.scalars = Scalars(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        self._like_effects, self._rating_effects, self._counts = np.zeros((3, n_items), dtype=np.float32)
        self._alone: NDArray[np.float32] | None = None
        zeros = (0.0,) * len(STATISTICS)
        self.weights = Ensemble(STATISTICS, zeros, (1.0,) * len(STATISTICS), zeros, 0.0)

    def fit(self, train: Interactions) -> Self:
        """Learn effects and weights from training interactions.

        Raises
        ------
        ValueError
            Where there is no interaction.
        """
        if not len(train):
            raise ValueError("reaction statistics need training interactions; found none")
        bias = Bias().fit(train)
        mean, by_user, by_item, counts = _rating_effects(train)
        residuals = train.ratings - mean - by_user[train.users] - by_item[train.items]
        self._like_effects, self._rating_effects, self._counts = bias.item_effects, by_item, counts
        disliked = float(train.ratings[~train.likes].mean()) if not train.likes.all() else mean
        liked = float(train.ratings[train.likes].mean()) if train.likes.any() else mean
        highest = float(train.ratings[~train.likes].max(initial=disliked))
        lowest = float(train.ratings[train.likes].min(initial=liked))
        self.scalars = Scalars(
            bias.global_effect, mean, max(float(residuals.var()), 1e-3), disliked, liked, (highest + lowest) / 2
        )
        self._alone = None
        self.weights = Ensemble.fit(STATISTICS, self._training_features(train, bias), train.likes, penalty=_PENALTY)
        return self

    @property
    def _expected(self) -> NDArray[np.float32]:
        """P(like) that each item alone gives: float32 (n_items,)."""
        alone = self._alone
        if alone is None:
            alone = self._alone = np.asarray(expit(self.scalars.global_effect + self._like_effects), dtype=np.float32)
        return alone

    def features(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """The columns of `STATISTICS` for candidates (b,), each with the history in its row: float32 (b, 12)."""
        rows = last(histories, self.max_history).arrays()
        return _features(self.scalars, self.learned(), candidates, rows)

    def logits(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of candidates (b,), each with the history in its row: float32 (b,)."""
        return self.weights.logits(self.features(candidates, histories))

    def catalogue_logits(self, histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of every item given each of b histories: float32 (b, n_items)."""
        sums, items = self._sums(histories), self._items(np.arange(len(self.categories)))
        logits = np.full((len(histories), len(self.categories)), self.weights.intercept, dtype=np.float32)
        weights = zip(self.weights.coefficients, self.weights.means, self.weights.scales, strict=True)
        columns = _columns(self.scalars, sums, items, crossed=True)
        for column, (coefficient, mean, scale) in zip(columns, weights, strict=True):
            logits += (coefficient / scale) * (column - mean)
        return logits

    def training_features(self, train: Interactions) -> NDArray[np.float32]:
        """Statistics of each training reaction as if it and all that its user did later were unknown: (n, 12)."""
        return self._training_features(train, Bias().fit(train))

    def surprises(self, histories: Histories) -> NDArray[np.float32]:
        """How many standard deviations each rating lies above its item's usual one: float32 (b, l), 0 on padding."""
        return self._residuals(histories, float(np.sqrt(self.scalars.residual_variance)))

    def training_surprises(self, train: Interactions) -> NDArray[np.float32]:
        """`surprises` of the training interactions themselves: float32 (n,)."""
        one_each = Histories(train.items[:, None], train.likes[:, None], train.ratings[:, None])
        return self.surprises(one_each)[:, 0]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All that was learned, for a checkpoint."""
        weights = self.weights
        table = np.array([weights.means, weights.scales, weights.coefficients], dtype=np.float32)
        return {
            "scalars": np.array(self.scalars, dtype=np.float32),
            "like_effects": self._like_effects,
            "rating_effects": self._rating_effects,
            "counts": self._counts,
            "weights": table,
            "intercept": np.array([weights.intercept], dtype=np.float32),
        }

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over what `arrays` of statistics of the same catalogue gave."""
        self.scalars = Scalars.of_array(arrays["scalars"])
        self._like_effects, self._rating_effects = arrays["like_effects"], arrays["rating_effects"]
        self._counts, self._alone = arrays["counts"], None
        means, scales, coefficients = (tuple(row) for row in arrays["weights"].tolist())
        self.weights = Ensemble(STATISTICS, means, scales, coefficients, float(arrays["intercept"][0]))

    def _items(self, items: NDArray[np.int64]) -> _Items:
        return _Items(
            self._like_effects[items], self._rating_effects[items], self._counts[items], self.category_shares[items]
        )

    def learned(self) -> Learned:
        """What is known of all items."""
        effects = self._like_effects, self._rating_effects, self._counts
        return Learned(*effects, self._expected, self._category_starts, self._members, self.categories.shape[1])

    def _residuals(self, histories: Histories, scale: float = 1.0) -> NDArray[np.float32]:
        """Ratings (b, l) less the average and the item's effect, over the scale; 0 on padding."""
        return _residuals(self.scalars, self._rating_effects, histories.arrays(), scale)

    def _terms(self, histories: Histories) -> NDArray[np.float32]:
        """What each interaction adds to the sums: float32 (b, l, 6), 0 on padding; see `_terms` below."""
        rows = histories.arrays()
        return _terms(rows.items, rows.likes, self._residuals(histories), self._expected)

    def _sums(self, histories: Histories) -> _Sums:
        histories = last(histories, self.max_history)
        items = np.ascontiguousarray(histories.items)
        shape = (self._category_starts, self._members, self.categories.shape[1])
        return _Sums(*_summed(items, self._terms(histories), *shape))

    def _training_features(self, train: Interactions, bias: Bias) -> NDArray[np.float32]:
        mean, by_user, by_item, counts = _rating_effects(train)
        rest = train.ratings - mean - by_user[train.users]
        others = counts[train.items] - 1
        without = (by_item[train.items] * (others + 1 + _PSEUDO_ITEM) - rest) / (others + _PSEUDO_ITEM)
        items = _Items(
            bias.held_out_item_effects(train), without.astype(np.float32), others, self.category_shares[train.items]
        )
        parts = []
        for start, end in pairwise(train.offsets):
            rows = slice(start, end)
            history = Histories(train.items[rows][None], train.likes[rows][None], train.ratings[rows][None])
            terms = self._terms(history)[0]
            by_category = terms[:, :4, None] * self.categories[train.items[rows]][:, None, :]  # (l, 4, k)
            sums = _Sums(_sums_before(terms, self.max_history), _sums_before(by_category, self.max_history))
            candidates = _Items(
                items.like_effects[rows], items.rating_effects[rows], items.counts[rows], items.categories[rows]
            )
            parts.append(np.stack(_columns(self.scalars, sums, candidates, crossed=False), axis=1))
        return np.concatenate(parts)


@njit(cache=True, nogil=True)
def _residuals(
    scalars: Scalars,
    rating_effects: NDArray[np.float32],
    histories: HistoryArrays,
    scale: float,
) -> NDArray[np.float32]:
    """Ratings (b, l) less their items' usual ones, over the scale; a missing one is the typical (dis)liked one."""
    items, likes, ratings = histories
    residuals = np.zeros(items.shape, dtype=np.float32)
    for row in range(items.shape[0]):
        for t in range(items.shape[1]):
            item = items[row, t]
            if item != NO_ITEM:
                rating = _rating(scalars, likes[row, t], ratings[row, t])
                residuals[row, t] = (rating - scalars.mean_rating - rating_effects[item]) / scale
    return residuals


@njit(cache=True, nogil=True)
def _rating(scalars: Scalars, like: np.bool_, rating: np.float32) -> float:
    if np.isnan(rating):
        return scalars.liked_rating if like else scalars.disliked_rating
    return float(rating)


@njit(cache=True, nogil=True)
def _features(
    scalars: Scalars,
    learned: Learned,
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
) -> NDArray[np.float32]:
    """`_columns` of users and items that belong together, float32 (b, 12): one pass over each history."""
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


@njit(cache=True, nogil=True)
def _terms(
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


@njit(cache=True, nogil=True)
def _summed(
    items: NDArray[np.int64],
    terms: NDArray[np.float32],
    category_starts: NDArray[np.int64],
    categories: NDArray[np.int64],
    n_categories: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums of the terms (b, l, 6) of each row: float32 (b, 6), and of the first four by category: (b, 4, k)."""
    b, length = items.shape
    total, by_category = np.zeros((b, 6), dtype=np.float32), np.zeros((b, 4, n_categories), dtype=np.float32)
    for row in range(b):
        for t in range(length):
            item = items[row, t]
            if item == NO_ITEM:
                continue
            for k in range(6):
                total[row, k] += terms[row, t, k]
            for at in range(category_starts[item], category_starts[item + 1]):
                for k in range(4):
                    by_category[row, k, categories[at]] += terms[row, t, k]
    return total, by_category


def _columns(scalars: Scalars, sums: _Sums, items: _Items, crossed: bool) -> list[NDArray[np.float32]]:
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


def _sums_before(terms: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Sum of the `window` terms before each of l: shaped as the terms (l, ...)."""
    sums = np.concatenate([np.zeros_like(terms[:1]), terms.cumsum(axis=0, dtype=np.float64)])  # of the first 0 .. l
    ends = np.arange(len(terms))
    return (sums[ends] - sums[np.maximum(ends - window, 0)]).astype(np.float32)


def _rating_effects(
    train: Interactions,
) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean rating, user and item effects by alternating ridge regression, and the items' counts of ratings."""
    mean = float(train.ratings.mean())
    of_users = np.bincount(train.users, minlength=train.n_users)
    of_items = np.bincount(train.items, minlength=train.n_items)
    by_user, by_item = np.zeros(train.n_users), np.zeros(train.n_items)
    for _ in range(_ROUNDS):
        rest = train.ratings - mean - by_user[train.users]
        by_item = np.bincount(train.items, rest, train.n_items) / (of_items + _PSEUDO_ITEM)
        rest = train.ratings - mean - by_item[train.items]
        by_user = np.bincount(train.users, rest, train.n_users) / (of_users + PSEUDO_USER)
    return mean, by_user.astype(np.float32), by_item.astype(np.float32), of_items.astype(np.float32)
