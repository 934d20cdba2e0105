import numpy as np
import pytest
from scipy.sparse import csr_array

from models.estimators.word_taste import WordTaste
from models.interactions import NO_ITEM, Histories

# Items 0, 1 and 2 share a word, 3 and 4 another; 4 and 5 a third that is as rare; 6 has none.
WORDS = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=np.float32)


def _tastes(candidates: list[int], history: list[int], surprises: list[float]) -> list[float]:
    items = np.array([history] * len(candidates))
    histories = Histories(items, np.zeros(items.shape, dtype=bool))
    of_rows = np.array([surprises] * len(candidates), dtype=np.float32)
    return WordTaste(csr_array(WORDS)).tastes(np.array(candidates), histories, of_rows).tolist()


def test_a_candidate_is_judged_by_what_shares_its_words() -> None:
    series, other, unknown, wordless = _tastes([2, 4, 5, 6], [0, 1, 3], [2.0, 2.0, -4.0])
    assert series == pytest.approx(4 / (2 + 5))
    assert other == pytest.approx((-4 / (1 + 5) + 0) / 2)
    assert unknown == wordless == 0


def test_tastes_are_beside_what_is_usual_for_the_user() -> None:
    (pleased,) = _tastes([2], [0, 1, 3, 5], [1.0, 1.0, 1.0, 1.0])
    assert pleased == pytest.approx(2 * (1 - 4 / (4 + 5)) / (2 + 5))


def test_padding_and_order_do_not_count() -> None:
    one = _tastes([2, 4], [0, 1, 3], [1.0, -1.0, 2.0])
    other = _tastes([2, 4], [3, 1, 0, NO_ITEM, NO_ITEM], [2.0, -1.0, 1.0, 0.0, 0.0])
    assert one == pytest.approx(other)


def test_no_words_at_all() -> None:
    histories = Histories(np.array([[1, 2]]), np.array([[True, False]]))
    nothing = WordTaste(csr_array((3, 0), dtype=np.float32))
    assert nothing.tastes(np.array([0]), histories, np.ones((1, 2), dtype=np.float32)).tolist() == [0.0]
