"""A factorisation of ratings: effects, matches, and a penalty that validation rows choose."""

from __future__ import annotations

import numpy as np
import pytest

from models.estimators.baselines import Bias
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.estimators.rating_factorisation import RatingFactorisation
from models.interactions import Interactions
from models.metrics.classification import auc


def planted(seed: int, *, matches: bool) -> tuple[Interactions, Interactions, Interactions]:
    """Ratings by effects of users and items and, with `matches`, by whether both are even or odd; three splits."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(80), 24)
    items = np.concatenate([rng.permutation(40)[:24] for _ in range(80)])
    by_item, by_user = rng.normal(scale=0.5, size=40), rng.normal(scale=0.5, size=80)
    ratings = 3 + by_user[users] + by_item[items] + rng.normal(scale=0.7, size=len(users))
    ratings += np.where(users % 2 == items % 2, 1.0, -1.0) if matches else 0
    ratings = np.clip(np.round(ratings), 1, 5).astype(np.float32)
    whole, part = Interactions(users, items, ratings >= 3, ratings, 80, 40), np.arange(len(users)) % 6
    splits = [
        Interactions(whole.users[of], whole.items[of], whole.likes[of], whole.ratings[of], 80, 40)
        for of in (part > 1, part == 1, part == 0)
    ]
    return splits[0], splits[1], splits[2]


def test_a_match_that_effects_cannot_learn_is_learned_from_ratings_and_from_likes() -> None:
    train, validation, test = planted(0, matches=True)
    effects = auc(test.likes, Bias().fit(train).probabilities(test.users, test.items))
    of_ratings = RatingFactorisation().fit(train, validation).probabilities(test.users, test.items)
    of_likes = MatrixFactorisation.chosen(train, validation).probabilities(test.users, test.items)
    assert auc(test.likes, of_ratings) > max(0.85, effects + 0.1)
    assert auc(test.likes, of_likes) > max(0.8, effects + 0.05)


def test_where_only_effects_are_validation_chooses_a_penalty_that_keeps_factors_small() -> None:
    train, validation, test = planted(1, matches=False)
    effects = auc(test.likes, Bias().fit(train).probabilities(test.users, test.items))
    of_ratings = RatingFactorisation().fit(train, validation).probabilities(test.users, test.items)
    assert auc(test.likes, of_ratings) > effects - 0.02
    loose = RatingFactorisation().fit(train, validation, (1e-3,)).probabilities(test.users, test.items)
    assert auc(test.likes, of_ratings) > auc(test.likes, loose)


def test_predicted_ratings_are_calibrated_on_validation_rows() -> None:
    train, validation, _ = planted(2, matches=True)
    p = RatingFactorisation().fit(train, validation).probabilities(validation.users, validation.items)
    assert p.mean() == pytest.approx(validation.likes.mean(), abs=0.01)


def test_users_and_items_without_rows_get_the_average() -> None:
    train, validation, _ = planted(3, matches=True)
    wider = Interactions(train.users, train.items, train.likes, train.ratings, 81, 41)
    p = RatingFactorisation().fit(wider, validation).probabilities(np.array([80]), np.array([40]))
    assert 0.4 < p[0] < 0.9


def test_no_rows_are_refused() -> None:
    train, _, _ = planted(4, matches=False)
    nothing = Interactions(train.users[:0], train.items[:0], train.likes[:0], train.ratings[:0], 80, 40)
    with pytest.raises(ValueError, match="needs train and validation rows"):
        RatingFactorisation().fit(train, nothing)
