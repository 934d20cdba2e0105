"""Keyword matching and similarity against one-pair-at-a-time references written from the paper's formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories, Interactions
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity, neutral_values, similarity_taste
from tests.support.worlds import N_ITEMS, random_interactions, random_knowledge

NEUTRAL = (0.25, -0.125)


def _history_in_category(knowledge: ItemKnowledge, candidate: int, history: list[int]) -> list[int]:
    categories = knowledge.categories.toarray() > 0
    same = [i for i in history if (categories[candidate] & categories[i]).any()]
    return same or history


def _keyword_reference(knowledge: ItemKnowledge, candidate: int, likes: dict[int, bool]) -> tuple[int, int]:
    pro, con = knowledge.pro.toarray() > 0, knowledge.con.toarray() > 0
    chosen = _history_in_category(knowledge, candidate, list(likes))
    positive = sum(int((pro[candidate] & pro[i]).sum()) for i in chosen if likes[i])
    negative = sum(int((con[candidate] & con[i]).sum()) for i in chosen if not likes[i])
    return positive, negative


def _similarity_reference(knowledge: ItemKnowledge, candidate: int, likes: dict[int, bool]) -> tuple[float, float]:
    chosen = _history_in_category(knowledge, candidate, list(likes))
    sides = []
    for vectors, side, neutral in ((knowledge.pro_vectors, True, -0.125), (knowledge.con_vectors, False, 0.25)):
        found = [i for i in chosen if likes[i] == side and vectors[i].any() and vectors[candidate].any()]
        sides.append((max((float(vectors[candidate] @ vectors[i]) for i in found), default=neutral), bool(found)))
    (positive, some_liked), (negative, some_disliked) = sides
    return (positive, negative) if some_liked or some_disliked else (0.0, 0.0)


def _evidence(
    knowledge: ItemKnowledge, similarity: Similarity, candidates: np.ndarray, histories: Histories
) -> tuple[Evidence, Evidence]:
    """Evidence of keyword matching and of similarity."""
    matching = KeywordMatching(knowledge)
    relevant = matching.relevant(candidates, histories)
    cosines = similarity.cosines(candidates, histories)
    return matching.evidence(candidates, histories, relevant), similarity.evidence(cosines, histories, relevant)


def _similarity_tastes(
    similarity: Similarity, candidates: np.ndarray, histories: Histories, surprises: np.ndarray
) -> list[np.ndarray]:
    """By pros and by cons."""
    return [similarity_taste(side, surprises) for side in similarity.cosines(candidates, histories)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(0, N_ITEMS), min_size=1, max_size=6))
def test_batches_agree_with_the_formulas_pair_by_pair(seed: int, lengths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    knowledge = random_knowledge(seed)
    items = np.full((len(lengths), N_ITEMS), NO_ITEM)
    likes = np.zeros((len(lengths), N_ITEMS), dtype=bool)
    for row, length in enumerate(lengths):
        items[row, :length] = rng.permutation(N_ITEMS)[:length]
        likes[row, :length] = rng.random(length) < 0.6
    candidates = rng.integers(N_ITEMS, size=len(lengths))
    histories = Histories(items, likes)
    keywords, similarity = _evidence(knowledge, Similarity(knowledge, NEUTRAL), candidates, histories)
    for row, length in enumerate(lengths):
        reactions = dict(zip(items[row, :length].tolist(), likes[row, :length].tolist(), strict=True))
        expected = _keyword_reference(knowledge, int(candidates[row]), reactions)
        assert (keywords.positive[row], keywords.negative[row]) == expected
        expected = _similarity_reference(knowledge, int(candidates[row]), reactions)
        assert (similarity.positive[row], similarity.negative[row]) == pytest.approx(expected, abs=1e-6)


def test_item_0_is_an_item_and_not_padding() -> None:
    knowledge = random_knowledge(1)
    history, empty = (Histories(np.array([[i, NO_ITEM]]), np.array([[False, False]])) for i in (0, NO_ITEM))
    candidate = np.array([0])
    similarity = Similarity(knowledge, NEUTRAL)
    assert _evidence(knowledge, similarity, candidate, history)[1].negative[0] == pytest.approx(1.0, abs=1e-6)
    assert _evidence(knowledge, similarity, candidate, empty)[1].negative[0] == 0


def test_a_history_without_dislikes_is_not_answered_by_a_constant() -> None:
    knowledge = random_knowledge(5)
    train = random_interactions(5)
    similarity = Similarity(knowledge, neutral_values(knowledge, train, 12, seed=0))
    histories = Histories(np.tile(np.array([[3, 8]]), (N_ITEMS, 1)), np.ones((N_ITEMS, 2), dtype=bool))
    values = _evidence(knowledge, similarity, np.arange(N_ITEMS), histories)[1].values()
    assert {0.0, 1.0} <= set(values.tolist())


def test_a_side_alone_likes_as_often_as_users_do_and_no_pair_is_judged_by_itself() -> None:
    knowledge = random_knowledge(0)
    knowledge = ItemKnowledge(
        knowledge.keywords,
        knowledge.keyword_vectors,
        knowledge.pro,
        knowledge.con,
        np.eye(N_ITEMS, 6, dtype=np.float32) + np.eye(N_ITEMS, 6, k=-6, dtype=np.float32),
        np.zeros((N_ITEMS, 6), dtype=np.float32),
        knowledge.categories[:, :1] * 0,
        ("all",),
        knowledge.item_names,
    )
    # Items 1 and 7 point the same way, 2 another: pairs (1 | 7, 2), (7 | 1, 2), (2 | 1, 7) and, of the second user,
    # (7 | 1) have cosines 1, 1, 0, 1; four of five pairs are likes.
    ones, likes = np.ones(3), np.array([True, True, True, True, False])
    train = Interactions(
        np.array([0, 0, 0, 1, 1]), np.array([1, 7, 2, 1, 7]), likes, likes.astype(np.float32), 2, N_ITEMS
    )
    assert neutral_values(knowledge, train, 10, seed=0) == (pytest.approx(np.quantile([1, 1, 0, 1], 0.2)), 0.0)
    only = Interactions(
        np.zeros(2, dtype=np.int64), np.array([1, 2]), ones[:2] > 0, ones[:2].astype(np.float32), 1, N_ITEMS
    )
    assert neutral_values(knowledge, only, 10, seed=0) == (0.0, 0.0)


def test_without_evidence_on_either_side_similarity_is_a_tie() -> None:
    histories = Histories(np.array([[NO_ITEM], [3], [3]]), np.array([[False], [False], [True]]))
    none, some = -np.inf, 0.4
    cosines = (np.array([[none], [none], [some]]), np.array([[none], [some], [none]]))
    evidence = Similarity(random_knowledge(0), (0.8, 0.6)).evidence(cosines, histories, histories.mask)
    assert evidence.values().tolist() == [0.5, 1.0, 0.0]


def test_a_side_is_compared_with_its_own_neutral_value_where_the_other_is_empty() -> None:
    """Few items with one and the same con: their cosine is 1, which must not speak against all that have none."""
    history = Histories(np.array([[3]] * 4), np.array([[True], [True], [False], [False]]))
    none = -np.inf
    cosines = (np.array([[0.7], [0.5], [none], [none]]), np.array([[none], [none], [1.0], [0.9]]))
    evidence = Similarity(random_knowledge(0), (0.6, 1.0)).evidence(cosines, history, history.mask)
    assert evidence.values().tolist() == [1.0, 0.0, 0.5, 1.0]
    assert evidence.negative[:2].tolist() == pytest.approx([0.6, 0.6])
    assert evidence.positive[2:].tolist() == [1.0, 1.0]


def test_cosines_that_differ_by_rounding_alone_are_a_tie() -> None:
    near = Evidence(np.array([0.5, 0.5], np.float32), np.array([0.5 + 1e-6, 0.5 + 1e-4], np.float32))
    assert near.values().tolist() == [0.5, 0.0]
    assert near.surplus().tolist() == pytest.approx([0.0, -1e-4], abs=1e-6)


@pytest.mark.parametrize("n_items", [N_ITEMS, 200])
def test_a_large_catalogue_is_multiplied_and_a_small_one_looked_up(
    n_items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge, rng = random_knowledge(2, n_items), np.random.default_rng(0)
    items = rng.integers(-1, n_items, size=(30, 9))
    candidates, histories = rng.integers(n_items, size=30), Histories(items, np.zeros((30, 9), dtype=bool))
    looked_up = Similarity(knowledge, NEUTRAL).cosines(candidates, histories)
    monkeypatch.setattr("models.response.similarity._MOST_TABLED", 0)
    multiplied = Similarity(knowledge, NEUTRAL).cosines(candidates, histories)
    sides = (knowledge.pro_vectors, knowledge.con_vectors)
    for one, other, vectors in zip(looked_up, multiplied, sides, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        present = np.any(vectors != 0, axis=1)
        there = (items >= 0) & present[items] & present[candidates][:, None]
        expected = np.where(there, np.einsum("bd,bld->bl", vectors[candidates], vectors[items]), -np.inf)
        np.testing.assert_allclose(one, expected, atol=1e-6)


def _taste_world(likes_even: bool) -> tuple[ItemKnowledge, Histories, np.ndarray]:
    """Items of even number have keyword 0 and one direction, odd ones keyword 1 and another; six are in the history."""
    knowledge = random_knowledge(0)
    side = csr_array(np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2])
    axes = np.eye(2, 6, dtype=np.float32)
    known = ItemKnowledge(
        ("even", "odd"),
        axes,
        side,
        side,
        axes[np.arange(N_ITEMS) % 2],
        axes[np.arange(N_ITEMS) % 2],
        knowledge.categories,
        knowledge.category_names,
        knowledge.item_names,
    )
    items = np.arange(6)
    likes = (items % 2 == 0) == likes_even
    history = Histories(items[None], likes[None])[np.zeros(2, dtype=np.int64)]
    return known, history, np.where(history.likes, 1, -1).astype(np.float32)


@pytest.mark.parametrize("likes_even", [True, False])
def test_tastes_tell_which_keywords_and_neighbours_the_user_rates_high(likes_even: bool) -> None:
    knowledge, histories, surprises = _taste_world(likes_even)
    candidates = np.array([8, 9])  # an even and an odd item
    by_keyword = KeywordMatching(knowledge).tastes(candidates, histories, surprises)
    by_neighbour = _similarity_tastes(Similarity(knowledge, NEUTRAL), candidates, histories, surprises)
    for even, odd in (*by_keyword, *by_neighbour):
        assert (even > 0.2) == likes_even
        assert (odd > 0.2) == (not likes_even)


def test_tastes_do_not_see_padding_and_are_zero_without_history() -> None:
    knowledge = random_knowledge(3)
    items, likes = np.array([[4, 2], [4, NO_ITEM], [NO_ITEM, NO_ITEM]]), np.array([[True, True]] * 3)
    histories = Histories(items, likes)
    surprises = np.array([[1, -2], [1, 0], [0, 0]], dtype=np.float32)
    candidates = np.array([7, 7, 7])
    keywords, similarity = KeywordMatching(knowledge), Similarity(knowledge, NEUTRAL)
    alone = histories[1:2].columns(np.array([[0]]))
    everyone = (candidates, histories, surprises)
    of_one = (candidates[:1], alone, surprises[1:2, :1])
    both = (
        (keywords.tastes(*everyone), keywords.tastes(*of_one)),
        (_similarity_tastes(similarity, *everyone), _similarity_tastes(similarity, *of_one)),
    )
    for tastes, expected in both:
        for side, single in zip(tastes, expected, strict=True):
            assert side[1] == pytest.approx(single[0], abs=1e-6)
            assert not side[2]


def test_a_rare_keyword_says_more_than_a_common_one() -> None:
    knowledge = random_knowledge(0)
    matrix = np.zeros((N_ITEMS, 2), dtype=np.float32)
    matrix[:, 0], matrix[[1, 9], 1] = 1, 1  # all items share one keyword, two of them another
    matrix[5, 0] = 0
    side = csr_array(matrix)
    known = ItemKnowledge(
        ("common", "rare"),
        knowledge.keyword_vectors[:2],
        side,
        side,
        knowledge.pro_vectors,
        knowledge.con_vectors,
        knowledge.categories,
        knowledge.category_names,
        knowledge.item_names,
    )
    histories = Histories(np.array([[1, 2, 3]]), np.array([[True, False, False]]))
    pro, _ = KeywordMatching(known).tastes(np.array([9]), histories, np.array([[2, -1, -1]], dtype=np.float32))
    assert pro[0] > 0.2
