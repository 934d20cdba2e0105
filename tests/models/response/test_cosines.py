"""Every source of cosines against the definition: the normalised mean of keyword vectors, pair by pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories
from models.keywords.embeddings import item_vectors
from models.knowledge import ItemKnowledge
from models.response.cosines import FarCosines, products_are_less
from models.response.similarity import Similarity
from tests.support.worlds import random_knowledge, unit_rows

N, V, WIDTH = 30, 40, 24
NEUTRAL = (0.25, -0.125)
WAYS = ("table", "products", "vectors")
ACCURACY = {
    "table": 1e-6,
    "products": 6e-5,
    "vectors": 3e-5,
}  # with vectors as short as these


def _knowledge(pro: NDArray[np.bool_], con: NDArray[np.bool_], vectors: NDArray[np.float32]) -> ItemKnowledge:
    sides = csr_array(pro.astype(np.float32)), csr_array(con.astype(np.float32))
    return replace(
        random_knowledge(0, len(pro)),
        keywords=tuple(f"keyword {k}" for k in range(len(vectors))),
        keyword_vectors=vectors,
        pro=sides[0],
        con=sides[1],
        pro_vectors=item_vectors(sides[0], vectors),
        con_vectors=item_vectors(sides[1], vectors),
    )


def _random(seed: int) -> ItemKnowledge:
    """Items of 0 to 40 keywords a side; item 1's pros cancel out, and item 2 lacks cons only."""
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng, V, WIDTH)
    vectors[1] = -vectors[0]
    pro, con = (rng.random((N, V)) < rng.choice([0.05, 0.2, 0.4], size=(N, 1)) for _ in range(2))
    pro[0] = con[0] = con[2] = pro[1] = False
    pro[1, :2], pro[2, 3], pro[3] = True, True, True
    return _knowledge(pro, con, vectors)


def _answering(way: str, knowledge: ItemKnowledge, monkeypatch: pytest.MonkeyPatch) -> Similarity:
    """A model that takes its cosines from there."""
    if way != "table":
        monkeypatch.setattr("models.response.similarity._MOST_KNOWN", 0)
        monkeypatch.setattr("models.response.cosines._MOST_KEYWORDS", V if way == "products" else 0)
        assert (len(FarCosines.of(knowledge).products.scales) > 0) == (way == "products")
    return Similarity(knowledge, NEUTRAL)


def _expected(sets: csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines (n, n) from sums in double precision: -inf where an item has no keywords or they cancel out."""
    sums = np.array([vectors[row > 0].astype(np.float64).sum(axis=0) for row in sets.toarray()])
    lengths = np.linalg.norm(sums, axis=1)
    present = lengths > 1e-6
    unit = sums / np.where(present, lengths, 1)[:, None]
    return np.where(present[:, None] & present, unit @ unit.T, -np.inf)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(5))
def test_a_cosine_is_that_of_the_means_of_keyword_vectors(way: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = _random(seed)
    similarity = _answering(way, knowledge, monkeypatch)
    candidates, items = (places.ravel() for places in np.indices((N, N)))
    for like, sets in ((True, knowledge.pro), (False, knowledge.con)):
        history = Histories(np.stack([np.full(N * N, NO_ITEM), items], axis=1), np.array([[False, like]] * (N * N)))
        evidence = similarity.scores(candidates, history)
        expected = _expected(sets, knowledge.keyword_vectors).ravel()
        lacking = expected == -np.inf
        found, other = (evidence.positive, evidence.negative) if like else (evidence.negative, evidence.positive)
        assert lacking.any()
        np.testing.assert_array_equal(found[lacking], 0)
        np.testing.assert_array_equal(other[lacking], 0)
        np.testing.assert_allclose(found[~lacking], expected[~lacking], atol=ACCURACY[way])
        np.testing.assert_array_equal(other[~lacking], NEUTRAL[1] if like else NEUTRAL[0])


@pytest.mark.parametrize("way", WAYS[1:])
def test_evidence_and_tastes_of_long_histories_are_those_of_the_table(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge, rng = _random(0), np.random.default_rng(0)
    shape = (50, 12)
    items = np.where(rng.random(shape) < 0.2, NO_ITEM, rng.integers(N, size=shape))
    histories = Histories(items, (rng.random(shape) < 0.5) & (items != NO_ITEM))
    surprises = np.where(items == NO_ITEM, 0, rng.normal(size=shape)).astype(np.float32)
    asked = (rng.integers(N, size=50), histories, surprises)
    expected, expected_tastes = Similarity(knowledge, NEUTRAL).scores_and_tastes(*asked)
    evidence, tastes = _answering(way, knowledge, monkeypatch).scores_and_tastes(*asked)
    np.testing.assert_allclose(evidence.positive, expected.positive, atol=ACCURACY[way])
    np.testing.assert_allclose(evidence.negative, expected.negative, atol=ACCURACY[way])
    np.testing.assert_allclose(tastes, expected_tastes, atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_answers_do_not_depend_on_what_is_asked_together(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    similarity = _answering(way, _random(1), monkeypatch)
    candidates, histories = (
        rng.integers(N, size=20),
        Histories(rng.integers(N, size=(20, 5)), rng.random((20, 5)) < 0.5),
    )
    together = similarity.scores(candidates, histories)
    for row in range(20):
        alone = similarity.scores(candidates[[row]], histories[np.array([row])])
        assert (alone.positive[0], alone.negative[0]) == (together.positive[row], together.negative[row])


def test_keywords_that_nearly_cancel_out_are_left_to_vectors() -> None:
    vectors = unit_rows(np.random.default_rng(0), V, WIDTH)
    vectors[1] = -vectors[0] + 1e-3 * vectors[2]
    vectors[1] /= np.linalg.norm(vectors[1])
    own = np.eye(N, V) > 0
    plain = _knowledge(own, own, vectors)
    assert len(FarCosines.of(plain).products.scales) == N
    own[5, [0, 1, 5]] = True, True, False
    assert len(FarCosines.of(_knowledge(own, own, vectors)).vectors.scales) == N


def test_products_are_kept_of_vocabularies_whose_rows_are_short() -> None:
    knowledge = _random(0)
    few, many = (replace(knowledge, keyword_vectors=np.zeros((v, 384), dtype=np.float32)) for v in (1000, 8000))
    assert products_are_less(few)
    assert not products_are_less(many)  # several thousand products for each of several keywords
    nothing = csr_array((N, 10_000), dtype=np.float32)
    huge = replace(knowledge, pro=nothing, con=nothing, keyword_vectors=np.zeros((10_000, 384), dtype=np.float32))
    assert not products_are_less(huge)


@pytest.mark.parametrize("way", WAYS[:2])
def test_without_a_vocabulary_there_is_nothing_to_compare(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros((N, 0), dtype=bool)
    knowledge = _knowledge(none, none, np.zeros((0, WIDTH), dtype=np.float32))
    similarity = _answering(way, knowledge, monkeypatch)
    evidence = similarity.scores(np.arange(N), Histories(np.zeros((N, 1), dtype=np.int64), np.ones((N, 1), dtype=bool)))
    assert not evidence.positive.any()
    assert not evidence.negative.any()
