import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import Histories
from models.kernels.bitsets import PackedSets
from models.response.evidence import Evidence, category_history
from models.response.voting import cast_votes, toss


def _evidence(positive: list[float], negative: list[float]) -> Evidence:
    return Evidence(np.array(positive, dtype=np.float32), np.array(negative, dtype=np.float32))


def _votes(keywords: Evidence, seed: int) -> NDArray[np.int8]:
    """Of keyword matching, beside two models that like nothing."""
    against = _evidence([0.0] * len(keywords), [1.0] * len(keywords))
    coins = toss(np.random.default_rng(seed), len(keywords))
    votes = cast_votes(keywords, against, np.zeros(len(keywords), dtype=np.float32), coins)
    assert not votes[:, 1:].any()
    return votes[:, 0]


def test_more_for_than_against_is_a_like_and_less_is_a_dislike() -> None:
    evidence = _evidence([2, 0], [1, 3])
    assert evidence.values().tolist() == [1.0, 0.0]
    assert _votes(evidence, 0).tolist() == [1, 0]


def test_a_tie_is_decided_by_the_seeded_coin() -> None:
    ties = _evidence([1.0] * 1000, [1.0] * 1000)
    votes = _votes(ties, 3)
    assert ties.values().tolist() == [0.5] * 1000
    assert 400 < votes.sum() < 600
    assert np.array_equal(votes, _votes(ties, 3))
    assert not np.array_equal(votes, _votes(ties, 4))


def test_one_rows_evidence_does_not_change_another_rows_coin() -> None:
    ties = _evidence([1.0] * 50, [1.0] * 50)
    one_decided = _evidence([2.0] + [1.0] * 49, [1.0] * 50)
    votes = [_votes(evidence, 0)[1:] for evidence in (ties, one_decided)]
    assert np.array_equal(votes[0], votes[1])


def test_history_in_the_candidates_category_or_the_whole_where_that_is_empty() -> None:
    # item 0: category A; 1: A and B; 2: B; 3: C; 4: none
    categories = PackedSets(csr_array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=np.float32))
    histories = Histories(np.array([[1, 2, 3, -1]] * 3), np.zeros((3, 4), dtype=bool))
    chosen = category_history(categories, np.array([0, 1, 4]), histories)
    assert chosen.tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
    ]


def test_categories_beyond_one_machine_word_are_shared_too() -> None:
    rng = np.random.default_rng(0)
    membership = rng.random((9, 150)) < 0.01
    histories = Histories(rng.integers(9, size=(9, 5)), np.zeros((9, 5), dtype=bool))
    shared = np.array([[(membership[i] & membership[j]).any() for j in row] for i, row in enumerate(histories.items)])
    expected = np.where(shared.any(axis=1, keepdims=True), shared, True)
    chosen = category_history(PackedSets(csr_array(membership.astype(np.float32))), np.arange(9), histories)
    assert np.array_equal(chosen, expected)
    assert shared.any()
