"""What counts and means say of a reaction: how a user rates, how an item is rated, how the user rates its categories.

A logistic regression on a dozen such statistics, each shrunk towards the average by pseudo-reactions, in the manner of
feature-weighted linear stacking (Sill et al., arXiv 0911.0460) and of the effects that Bell and Koren (2007) remove
before anything else. It reads the rating and not only its sign, and it is the wide part of SASRec
(models/response/sasrec/network.py; "wide and deep": Cheng et al.,
arXiv 1606.07792).

The user's statistics come from the history alone, so a reaction of a minute ago counts like any other; where only like
or dislike is known, the rating is taken to be the mean liked or disliked one. In training, a reaction is described by
what came before it, and its item by everybody else's reactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from models.estimators.baselines import Bias
from models.estimators.logistic import LogisticModel
from models.estimators.statistics_kernels import (
    PSEUDO_USER,
    STATISTICS,
    ItemFacts,
    Scalars,
    residuals,
    statistics,
    training_statistics,
)
from models.interactions import Histories, Interactions, last

MAX_CATEGORIES = 64
_PSEUDO_ITEM = 3.0  # reactions at the average that each item is given beforehand
_PENALTY = 100.0  # L2 penalty of the standardised weights, in reactions
_ROUNDS = 15
_PAIRS_AT_ONCE = 1 << 18


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
    facts
        What was learned of the items.
    weights
        The regression on the statistics.
    """

    def __init__(self, categories: csr_array, max_history: int) -> None:
        self.max_history = max_history
        sizes = np.asarray(categories.sum(axis=0)).ravel()
        chosen = np.sort(np.argsort(-sizes, kind="stable")[:MAX_CATEGORIES])
        self.categories = categories.toarray()[:, chosen].astype(np.float32)  # (n_items, k)
        self.category_shares = self.categories / np.maximum(self.categories.sum(axis=1, keepdims=True), 1)
        zeros = (0.0,) * len(STATISTICS)
        self.weights = LogisticModel(STATISTICS, zeros, (1.0,) * len(STATISTICS), zeros, 0.0)
        nothing = np.zeros((3, len(self.categories)), dtype=np.float32)
        self._learn(Scalars(0.0, 0.0, 1.0, 0.0, 0.0, 0.0), *nothing)

    def fit(self, train: Interactions) -> Self:
        """Learn effects and weights from training interactions.

        Raises
        ------
        ValueError
            Where there is no interaction.
        """
        if not len(train):
            raise ValueError("reaction statistics need training interactions; there are none")
        bias = Bias().fit(train)
        mean, by_user, by_item, counts = _rating_effects(train)
        rest = train.ratings - mean - by_user[train.users] - by_item[train.items]
        disliked = float(train.ratings[~train.likes].mean()) if not train.likes.all() else mean
        liked = float(train.ratings[train.likes].mean()) if train.likes.any() else mean
        highest = float(train.ratings[~train.likes].max(initial=disliked))
        lowest = float(train.ratings[train.likes].min(initial=liked))
        variance = max(float(rest.var()), 1e-3)
        scalars = Scalars(bias.global_effect, mean, variance, disliked, liked, (highest + lowest) / 2)
        self._learn(scalars, bias.item_effects, by_item, counts)
        features = self._training_features(train, bias)
        self.weights = LogisticModel.fit(STATISTICS, features, train.likes, penalty=_PENALTY)
        return self

    def features(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """Statistics of candidates (b,), each with the history in its row: float32 (b, 12)."""
        return self._statistics(candidates[:, None], histories)[:, 0]

    def logits(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of candidates (b,), each with the history in its row: float32 (b,)."""
        return self.weights.logits(self.features(candidates, histories))

    def catalogue_logits(self, histories: Histories) -> NDArray[np.float32]:
        """Logit of P(like) of every item given each of b histories: float32 (b, n_items)."""
        n_items = len(self.categories)
        logits = np.empty((len(histories), n_items), dtype=np.float32)
        at_once = max(1, _PAIRS_AT_ONCE // n_items)
        for start in range(0, len(histories), at_once):
            part = histories[start : start + at_once]
            columns = self._statistics(np.tile(np.arange(n_items), (len(part), 1)), part)
            logits[start : start + at_once] = self.weights.logits(columns.reshape(-1, len(STATISTICS))).reshape(
                len(part), n_items
            )
        return logits

    def training_features(self, train: Interactions) -> NDArray[np.float32]:
        """Statistics of each training reaction as if it and all that its user did later were unknown: (n, 12)."""
        return self._training_features(train, Bias().fit(train))

    def training_logits(self, train: Interactions) -> NDArray[np.float32]:
        """Logit of P(like) of each training reaction as if it and all that its user did later were unknown: (n,)."""
        return self.weights.logits(self.training_features(train))

    def surprises(self, histories: Histories) -> NDArray[np.float32]:
        """How many standard deviations each rating lies above its item's usual one: float32 (b, l), 0 on padding."""
        rest = residuals(self.scalars, self.facts.rating_effects, *histories.arrays())
        return rest / np.float32(np.sqrt(self.scalars.residual_variance))

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
            "like_effects": self.facts.like_effects,
            "rating_effects": self.facts.rating_effects,
            "counts": self.facts.counts,
            "weights": table,
            "intercept": np.array([weights.intercept], dtype=np.float32),
        }

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over what `arrays` of statistics of the same catalogue gave."""
        scalars = Scalars.of_array(arrays["scalars"])
        self._learn(scalars, arrays["like_effects"], arrays["rating_effects"], arrays["counts"])
        means, scales, coefficients = (tuple(row) for row in arrays["weights"].tolist())
        self.weights = LogisticModel(STATISTICS, means, scales, coefficients, float(arrays["intercept"][0]))

    def _learn(
        self,
        scalars: Scalars,
        like_effects: NDArray[np.float32],
        rating_effects: NDArray[np.float32],
        counts: NDArray[np.float32],
    ) -> None:
        by_item = csr_array(self.categories)
        probabilities = expit(np.float32(scalars.global_effect) + like_effects)
        self.scalars = scalars
        self.facts = ItemFacts(
            _contiguous(like_effects),
            _contiguous(rating_effects),
            _contiguous(counts),
            _contiguous(probabilities),
            by_item.indptr.astype(np.int64),
            by_item.indices.astype(np.int64),
            self.categories.shape[1],
        )

    def _statistics(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """float32 (b, m, 12) of candidates (b, m)."""
        remembered = last(histories, self.max_history).arrays()
        return statistics(self.scalars, self.facts, np.ascontiguousarray(candidates), remembered)

    def _training_features(self, train: Interactions, bias: Bias) -> NDArray[np.float32]:
        mean, by_user, by_item, counts = _rating_effects(train)
        rest = train.ratings - mean - by_user[train.users]
        others = counts[train.items] - 1
        without = (by_item[train.items] * (others + 1 + _PSEUDO_ITEM) - rest) / (others + _PSEUDO_ITEM)
        held_out = _contiguous(bias.held_out_item_effects(train)), _contiguous(without), _contiguous(others)
        return training_statistics(
            self.scalars,
            self.facts,
            (train.users, train.items, train.likes, train.ratings),
            held_out,
            self.max_history,
        )


def _contiguous(array: NDArray[np.floating]) -> NDArray[np.float32]:
    """As compiled loops take it."""
    return np.ascontiguousarray(array, dtype=np.float32)


def _rating_effects(
    train: Interactions,
) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean rating, user and item effects by alternating ridge regression, and the items' counts of ratings."""
    mean = float(train.ratings.mean())
    user_counts = np.bincount(train.users, minlength=train.n_users)
    item_counts = np.bincount(train.items, minlength=train.n_items)
    by_user, by_item = np.zeros(train.n_users), np.zeros(train.n_items)
    for _ in range(_ROUNDS):
        rest = train.ratings - mean - by_user[train.users]
        by_item = np.bincount(train.items, rest, train.n_items) / (item_counts + _PSEUDO_ITEM)
        rest = train.ratings - mean - by_item[train.items]
        by_user = np.bincount(train.users, rest, train.n_users) / (user_counts + PSEUDO_USER)
    return mean, by_user.astype(np.float32), by_item.astype(np.float32), item_counts.astype(np.float32)
