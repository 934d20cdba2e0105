import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from models.keywords.nearest import NearestVectors
from tests.support.worlds import unit_rows


def _vectors(seed: int) -> NDArray[np.float32]:
    """Random directions, many of them more than once, and rows without any."""
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng, 12, 5)[rng.integers(12, size=90)]
    vectors[rng.integers(90, size=6)] = 0
    return vectors


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_rows_are_those_of_a_comparison_with_each(seed: int) -> None:
    vectors, rng = _vectors(seed), np.random.default_rng(seed)
    search = NearestVectors(vectors)
    for row in range(0, 90, 7):
        among = rng.permutation(90)[: int(rng.integers(1, 90))]
        rows, cosines = search.nearest(row, among, 3)
        there = among[vectors[among].any(axis=1)] if vectors[row].any() else among[:0]
        expected = there[np.argsort(-(vectors[there] @ vectors[row]), kind="stable")[:3]]
        np.testing.assert_allclose(cosines, vectors[expected] @ vectors[row], atol=1e-6)
        np.testing.assert_array_equal(rows, expected)


def test_all_near_pairs_come_once_and_in_order() -> None:
    vectors = _vectors(9)
    cosines = vectors @ vectors.T
    pairs = NearestVectors(vectors).pairs_within(0.6)
    first, second = np.nonzero(np.triu(cosines >= 0.6, k=1))
    np.testing.assert_array_equal(pairs.first, first)
    np.testing.assert_array_equal(pairs.second, second)
    np.testing.assert_allclose(pairs.cosines, cosines[first, second], atol=1e-6)


def test_an_index_that_is_there_is_used_and_one_of_other_vectors_refused() -> None:
    vectors = unit_rows(np.random.default_rng(0), 8, 4)
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(4))
    index.add_with_ids(vectors, np.arange(8))  # pyright: ignore - SWIG hides the signature
    assert NearestVectors(vectors, index).nearest(2, np.arange(8), 1)[0].tolist() == [2]
    with pytest.raises(ValueError, match=r"index: found 8 vectors of length 4, expected 7 of length 4"):
        NearestVectors(vectors[:7], index)


def test_nothing_is_near_to_a_row_without_a_vector() -> None:
    vectors = np.zeros((3, 4), dtype=np.float32)
    assert NearestVectors(vectors).nearest(0, np.arange(3), 2)[0].tolist() == []
    assert NearestVectors(vectors).pairs_within(-1.0).first.tolist() == []
