"""What counts and means say of a reaction: how a user rates, how an item is rated, how the user rates its categories.

A logistic regression on a dozen such statistics, each shrunk towards the average by pseudo-reactions, in the manner of
feature-weighted linear stacking (Sill et al., arXiv 0911.0460) and of the effects that Bell and Koren (2007) remove
before anything else. It reads the rating and not only its sign, and it is the wide part of SASRec
(models/response/sasrec/network.py;
"wide and deep": Cheng et al., arXiv 1606.07792).

The user's statistics come from the history alone, so a reaction of a minute ago counts like any other; where only like
or dislike is known, the rating is taken to be the mean liked or disliked one. In training, a reaction is described by
what came before it, and its item by everybody else's reactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from models.estimators.baselines import Bias
from models.estimators.logistic import Ensemble
from models.estimators.reaction_sums import (
    PSEUDO_USER,
    STATISTICS,
    CandidateItems,
    Learned,
    Scalars,
    Sums,
    Usual,
    columns,
    pair_statistics,
    reaction_terms,
    residuals_of,
    summed,
    sums_before,
)
from models.interactions import Histories, HistoryArrays, Interactions, last
from models.kernels.compiled import Plain, plain

MAX_CATEGORIES = 64
_PSEUDO_ITEM = 3.0  # reactions at the average that each item is given beforehand
_PENALTY = 100.0  # L2 penalty of the standardised weights, in reactions
_ROUNDS = 15
_ROWS_AT_ONCE = 16384


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
        starts, members = of_item.indptr.astype(np.int64), of_item.indices.astype(np.int64)
        self._of_categories = starts, members, len(chosen)
        n_items = len(self.categories)
        self.scalars = Scalars(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        self._like_effects, self._rating_effects, self._counts = np.zeros((3, n_items), dtype=np.float32)
        self._alone: NDArray[np.float32] | None = None
        self._usual: Plain | None = None
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
        self._alone = self._usual = None
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
        return pair_statistics(self.scalars, self.learned(), candidates, self.remembered(histories))

    def remembered(self, histories: Histories) -> HistoryArrays:
        """The part of b histories that counts."""
        return last(histories, self.max_history).arrays()

    def logits(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of candidates (b,), each with the history in its row: float32 (b,)."""
        return self.weights.logits(self.features(candidates, histories))

    def catalogue_logits(self, histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of every item given each of b histories: float32 (b, n_items)."""
        sums, items = self._sums(histories), self._items(np.arange(len(self.categories)))
        logits = np.full((len(histories), len(self.categories)), self.weights.intercept, dtype=np.float32)
        weights = zip(self.weights.coefficients, self.weights.means, self.weights.scales, strict=True)
        found = columns(self.scalars, sums, items, crossed=True)
        for column, (coefficient, mean, scale) in zip(found, weights, strict=True):
            logits += (coefficient / scale) * (column - mean)
        return logits

    def training_features(self, train: Interactions) -> NDArray[np.float32]:
        """Statistics of each training reaction as if it and all that its user did later were unknown: (n, 12)."""
        return self._training_features(train, Bias().fit(train))

    def surprises(self, histories: Histories) -> NDArray[np.float32]:
        """How many standard deviations each rating lies above its item's usual one: float32 (b, l), 0 on padding."""
        return residuals_of(self.usual(), tuple(histories.arrays()))

    def usual(self) -> Plain:
        """What `surprises` are measured against, `Usual` as a `plain` tuple."""
        if self._usual is None:
            scale = float(np.sqrt(self.scalars.residual_variance))
            self._usual = plain(Usual(self.scalars, self._rating_effects, scale))
        return self._usual

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
        self._counts, self._alone, self._usual = arrays["counts"], None, None
        means, scales, coefficients = (tuple(row) for row in arrays["weights"].tolist())
        self.weights = Ensemble(STATISTICS, means, scales, coefficients, float(arrays["intercept"][0]))

    def _items(self, items: NDArray[np.int64]) -> CandidateItems:
        return CandidateItems(
            self._like_effects[items], self._rating_effects[items], self._counts[items], self.category_shares[items]
        )

    def learned(self) -> Learned:
        """What is known of all items."""
        effects = self._like_effects, self._rating_effects, self._counts
        return Learned(*effects, self._expected, *self._of_categories)

    def _residuals(self, histories: Histories) -> NDArray[np.float32]:
        """Ratings (b, l) less the average and the item's effect; 0 on padding."""
        return residuals_of((tuple(self.scalars), self._rating_effects, 1.0), tuple(histories.arrays()))

    def _terms(self, histories: Histories) -> NDArray[np.float32]:
        """What each interaction adds to the sums: float32 (b, l, 6), 0 on padding; see `reaction_terms`."""
        rows = histories.arrays()
        return reaction_terms(rows.items, rows.likes, self._residuals(histories), self._expected)

    def _sums(self, histories: Histories) -> Sums:
        histories = last(histories, self.max_history)
        items = np.ascontiguousarray(histories.items)
        return Sums(*summed(items, self._terms(histories), self._of_categories))

    def _training_features(self, train: Interactions, bias: Bias) -> NDArray[np.float32]:
        mean, by_user, by_item, counts = _rating_effects(train)
        rest = train.ratings - mean - by_user[train.users]
        others = counts[train.items] - 1
        without = (by_item[train.items] * (others + 1 + _PSEUDO_ITEM) - rest) / (others + _PSEUDO_ITEM)
        of_items = bias.held_out_item_effects(train), without.astype(np.float32), others
        found = np.empty((len(train), len(STATISTICS)), dtype=np.float32)
        for rows in _whole_users(train, _ROWS_AT_ONCE):
            users, items = train.users[rows], train.items[rows]
            terms = self._terms(Histories(items[:, None], train.likes[rows, None], train.ratings[rows, None]))[:, 0]
            sums = Sums(*sums_before(users, items, terms, self.max_history, self._of_categories))
            like_effects, rating_effects, counts = (of[rows] for of in of_items)
            candidates = CandidateItems(like_effects, rating_effects, counts, self.category_shares[items])
            found[rows] = np.stack(columns(self.scalars, sums, candidates, crossed=False), axis=1)
        return found


def _whole_users(train: Interactions, n: int) -> Iterator[slice]:
    """Consecutive rows, some n at once, each user's in one part."""
    start = 0
    while start < len(train):
        last_user = train.users[min(start + n, len(train)) - 1]
        end = int(train.offsets[last_user + 1])
        yield slice(start, end)
        start = end


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
