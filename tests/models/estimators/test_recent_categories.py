from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.bitsets import PackedSets

# Items 0 and 1 are films, 2 is a film and a play, 3 is a play, 4 is nothing.
CATEGORIES = PackedSets(csr_array(np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=np.float32)))


def histories(*rows: list[int]) -> Histories:
    width = max(len(row) for row in rows)
    items = np.array([row + [NO_ITEM] * (width - len(row)) for row in rows])
    return Histories(items, np.zeros(items.shape, dtype=bool))


def test_the_share_is_of_the_last_reactions_and_of_any_category_in_common() -> None:
    shares = RecentCategories(CATEGORIES, memory=4).shares(
        np.array([0, 3, 2, 4, 0, 0]),
        histories([0, 0, 3, 3, 2, 1], [0, 1, 2, 3], [0, 3, 4, 4], [4, 4, 4, 4], [1], []),
    )
    assert shares.tolist() == [2 / 4, 2 / 4, 2 / 4, 0, 1 / 4, 0]
    assert shares.dtype == np.float32


def test_recent_reactions_add_a_logit_in_proportion() -> None:
    recency = CategoryRecency(RecentCategories(CATEGORIES, memory=4), weight=-2.0)
    assert recency.logits(np.array([0]), histories([0, 1, 3])).tolist() == pytest.approx([-1.0])


def test_the_weight_is_learned_from_what_came_before_each_reaction_of_its_user() -> None:
    rng, n_users, length = np.random.default_rng(0), 2000, 20
    users, items = np.repeat(np.arange(n_users), length), rng.choice(np.array([0, 3]), size=n_users * length)
    shares = np.zeros(len(items))
    for row in range(len(items)):
        before = items[max(row - 5, row - row % length) : row]
        shares[row] = (before == items[row]).sum() / 5
    usual = rng.normal(size=len(items))
    likes = rng.random(len(items)) < expit(usual - 2.0 * shares)
    train = Interactions(users, items, likes, np.where(likes, 5, 1).astype(np.float32), n_users, 5)
    recency = CategoryRecency(RecentCategories(CATEGORIES)).fit(train, usual.astype(np.float32))
    assert recency.weight == pytest.approx(-2.0, abs=0.2)


def test_likes_alone_teach_no_weight() -> None:
    train = Interactions(np.zeros(3, int), np.array([0, 1, 3]), np.ones(3, bool), np.ones(3, np.float32), 1, 5)
    assert CategoryRecency(RecentCategories(CATEGORIES)).fit(train, np.zeros(3, np.float32)).weight == 0
