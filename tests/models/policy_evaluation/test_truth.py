from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import ndtr

from models.estimators.recent_categories import RecentCategories
from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.bitsets import PackedSets
from models.policy_evaluation.truth import Boredom, Truth

# Items 0 to 2 are of the first category, 3 of the second; everybody likes each with an even chance.
CATEGORIES = PackedSets(csr_array(np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)))
EVEN = np.full((2, 4), 0.5, dtype=np.float32)
BORED = Truth(EVEN, Boredom(loss=1.2, recent=RecentCategories(CATEGORIES, 4)))


def histories(*rows: list[int]) -> Histories:
    width = max(len(row) for row in rows)
    items = np.array([row + [NO_ITEM] * (width - len(row)) for row in rows])
    return Histories(items, np.ones(items.shape, dtype=bool))


def test_without_boredom_what_users_remember_changes_nothing() -> None:
    truth = Truth(np.array([[0.1, 0.9, 0.3, 0.2]], dtype=np.float32))
    pairs = np.zeros(2, dtype=np.int64), np.array([1, 2])
    assert truth.of(*pairs, histories([0, 1], [3])).tolist() == pytest.approx([0.9, 0.3])


def test_boredom_takes_from_p_like_in_proportion_to_the_last_visits_of_the_category() -> None:
    remembered = histories([3, 0, 1, 3, 1, 2], [3, 3, 3, 3, 3], [0], [0, 1])
    shares = [3 / 4, 0, 1 / 4, 0]  # the last four are [1, 3, 1, 2], no place of the first, one of one, none of two
    p = BORED.of(np.array([0, 1, 0, 1]), np.array([0, 2, 1, 3]), remembered)
    np.testing.assert_allclose(p, ndtr(-1.2 * np.array(shares)), rtol=1e-5)


def test_what_is_sure_stays_sure() -> None:
    truth = Truth(np.array([[0.0, 1.0, 0.5, 0.5]], dtype=np.float32), BORED.boredom)
    assert truth.of(np.zeros(2, dtype=np.int64), np.array([0, 1]), histories([2], [2])).tolist() == [0, 1]


def test_pairs_are_judged_by_what_their_users_did_before() -> None:
    past = Interactions(np.array([0, 0, 1]), np.array([0, 1, 3]), np.ones(3, bool), np.ones(3, np.float32), 2, 4)
    pairs = Interactions(np.array([0, 1]), np.array([2, 2]), np.ones(2, bool), np.ones(2, np.float32), 2, 4)
    np.testing.assert_allclose(BORED.after(past, pairs), ndtr([-0.6, 0]), rtol=1e-5)
    np.testing.assert_allclose(Truth(EVEN).after(past, pairs), [0.5, 0.5])
