import numpy as np
import pytest
from scipy.sparse import csr_array

from models.estimators.ease import EASE, most_frequent, signed_reactions
from models.interactions import NO_ITEM, Histories
from tests.support.worlds import N_ITEMS, random_interactions

# Whoever likes item 0 likes item 1 and dislikes item 2; item 3 goes with nothing.
REACTIONS = np.array([[1, 1, -1, 1], [1, 1, -1, -1], [-1, -1, 1, 1], [-1, -1, 1, -1]], dtype=np.float32)


def _fitted(items: list[int], penalty: float = 1.0) -> EASE:
    return EASE(np.array(items), 5, penalty).fit(csr_array(np.pad(REACTIONS, ((0, 0), (0, 1)))))


def _scores(ease: EASE, candidates: list[int], items: list[int], likes: list[bool]) -> list[float]:
    histories = Histories(np.array([items] * len(candidates)), np.array([likes] * len(candidates)))
    return ease.scores(np.array(candidates), histories).tolist()


def test_likes_and_dislikes_speak_for_what_they_went_with() -> None:
    with_it, against_it, beside_it = _scores(_fitted([0, 1, 2, 3]), [1, 2, 3], [0], [True])
    assert with_it > 0.3
    assert against_it == pytest.approx(-with_it)
    assert abs(beside_it) < 1e-6
    assert _scores(_fitted([0, 1, 2, 3]), [1], [0], [False])[0] == pytest.approx(-with_it)


def test_weights_are_the_ridge_regression_of_each_item_on_the_others() -> None:
    ease = _fitted([3, 1, 0, 2], penalty=2.0)
    x = REACTIONS[:, [3, 1, 0, 2]].astype(np.float64)
    for place in range(4):
        others = np.delete(np.arange(4), place)
        gram = x[:, others].T @ x[:, others] + 2.0 * np.eye(3)
        expected = np.linalg.solve(gram, x[:, others].T @ x[:, place])
        assert ease.weights[place, others] == pytest.approx(expected, abs=1e-5)
        assert ease.weights[place, place] == 0


def test_items_that_are_not_known_say_nothing_and_padding_neither() -> None:
    ease = _fitted([0, 1])
    (known,) = _scores(ease, [1], [0], [True])
    assert _scores(ease, [1], [0, 2, 4, NO_ITEM], [True, True, True, False]) == pytest.approx([known])
    assert _scores(ease, [2, 4], [0, 1], [True, True]) == [0, 0]
    assert _scores(EASE(np.arange(0), 5, 1.0), [1], [0], [True]) == [0]


def test_the_most_frequent_items_come_first() -> None:
    assert most_frequent(np.array([4, 1, 1, 4, 4, 0]), 6, 3).tolist() == [4, 1, 0]
    assert most_frequent(np.array([1]), 2, 9).tolist() == [1, 0]


def test_reactions_are_signed() -> None:
    train = random_interactions(0)
    signs = signed_reactions(train)
    assert signs.shape == (train.n_users, N_ITEMS)
    assert np.asarray(signs[train.users, train.items]).tolist() == np.where(train.likes, 1.0, -1.0).tolist()
