"""Keyword matching and similarity against one-pair-at-a-time references written from the paper's formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interactions import NO_ITEM, Histories, Interactions
from models.keyword_matching import KeywordMatching
from models.knowledge import ItemKnowledge
from models.similarity import Similarity, neutral_values, settle
from tests.models.worlds import N_ITEMS, random_interactions, random_knowledge

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
    for vectors, side, neutral in ((knowledge.pro_vectors, True, 0.25), (knowledge.con_vectors, False, -0.125)):
        found = [i for i in chosen if likes[i] == side and vectors[i].any() and vectors[candidate].any()]
        sides.append((max((float(vectors[candidate] @ vectors[i]) for i in found), default=neutral), bool(found)))
    (positive, some_liked), (negative, some_disliked) = sides
    return (positive, negative) if some_liked or some_disliked else (0.0, 0.0)


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
    keywords = KeywordMatching(knowledge).scores(candidates, histories)
    similarity = Similarity(knowledge, NEUTRAL).scores(candidates, histories)
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
    assert similarity.scores(candidate, history).negative[0] == pytest.approx(1.0, abs=1e-6)
    assert similarity.scores(candidate, empty).negative[0] == 0


def test_a_history_without_dislikes_is_not_answered_by_a_constant() -> None:
    knowledge = random_knowledge(5)
    train = random_interactions(5)
    similarity = Similarity(knowledge, neutral_values(knowledge, train, 12, seed=0))
    histories = Histories(np.tile(np.array([[3, 8]]), (N_ITEMS, 1)), np.ones((N_ITEMS, 2), dtype=bool))
    values = similarity.scores(np.arange(N_ITEMS), histories).values()
    assert {0.0, 1.0} <= set(values.tolist())


def test_neutral_values_are_medians_without_the_pair_itself() -> None:
    knowledge = random_knowledge(0)
    knowledge = ItemKnowledge(
        knowledge.keywords,
        knowledge.pro,
        knowledge.con,
        np.eye(N_ITEMS, 6, dtype=np.float32) + np.eye(N_ITEMS, 6, k=-6, dtype=np.float32),
        np.zeros((N_ITEMS, 6), dtype=np.float32),
        knowledge.categories[:, :1] * 0,
        ("all",),
        knowledge.item_names,
    )
    # Items 1 and 7 point the same way, 2 another: pairs (1 | 7, 2), (7 | 1, 2), (2 | 1, 7) have cosines 1, 1, 0.
    ones = np.ones(3)
    train = Interactions(
        np.zeros(3, dtype=np.int64), np.array([1, 7, 2]), ones > 0, ones.astype(np.float32), 1, N_ITEMS
    )
    assert neutral_values(knowledge, train, 10, seed=0) == (1.0, 0.0)
    only = Interactions(
        np.zeros(2, dtype=np.int64), np.array([1, 2]), ones[:2] > 0, ones[:2].astype(np.float32), 1, N_ITEMS
    )
    assert neutral_values(knowledge, only, 10, seed=0) == (0.0, 0.0)


def test_without_evidence_on_either_side_similarity_is_a_tie() -> None:
    none, some = np.float32(-np.inf), np.float32(0.4)
    evidence = settle(np.array([none, none, some]), np.array([none, some, none]), (0.8, 0.6))
    assert evidence.values().tolist() == [0.5, 1.0, 0.0]
