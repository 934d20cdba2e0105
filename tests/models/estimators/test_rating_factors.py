import numpy as np
import pytest

from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.interactions import NO_ITEM, Histories, Interactions


def _two_kinds(n_users: int = 80, n_items: int = 12) -> tuple[Interactions, np.ndarray]:
    """Users of even number rate items of even number high and the others low; the rest the other way round."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(n_users), 8)
    items = np.concatenate([rng.permutation(n_items)[:8] for _ in range(n_users)])
    likes = items % 2 == users % 2
    surprises = np.where(likes, 1, -1).astype(np.float32)
    return Interactions(users, items, likes, surprises, n_users, n_items), surprises


def test_factors_find_which_items_are_rated_alike() -> None:
    train, surprises = _two_kinds()
    factors = RatingFactors(train.n_items, FactorSettings()).fit(train, surprises)
    histories = Histories(np.array([[0, 2, 1]] * 2), np.array([[True, True, False]] * 2))
    even, odd = factors.matches(np.array([4, 5]), histories, np.array([[1, 1, -1]] * 2, dtype=np.float32))
    assert even > 0.2
    assert odd < -0.2


def test_a_heavy_penalty_leaves_no_match() -> None:
    train, surprises = _two_kinds()
    factors = RatingFactors(train.n_items, FactorSettings(penalty=1e6)).fit(train, surprises)
    assert factors.items == pytest.approx(np.zeros_like(factors.items), abs=1e-6)


def test_padding_does_not_count_and_no_history_is_no_match() -> None:
    train, surprises = _two_kinds()
    factors = RatingFactors(train.n_items, FactorSettings()).fit(train, surprises)
    items = np.array([[0, 1, NO_ITEM], [NO_ITEM] * 3])
    histories = Histories(items, items == 0)
    matches = factors.matches(np.array([4, 4]), histories, np.array([[1, -1, 0], [0, 0, 0]], dtype=np.float32))
    alone = factors.matches(np.array([4]), histories[:1].columns(np.array([[0, 1]])), np.array([[1, -1]], np.float32))
    assert matches[0] == pytest.approx(alone[0], abs=1e-6)
    assert matches[1] == 0


def test_equal_seeds_give_equal_factors() -> None:
    train, surprises = _two_kinds()
    first, again = (RatingFactors(train.n_items, FactorSettings(seed=3)).fit(train, surprises).items for _ in range(2))
    assert np.array_equal(first, again)
