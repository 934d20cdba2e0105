"""Kinds of users: planted tastes are told apart, few reactions suffice, keywords carry over to items nobody rated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.estimators.kind_mixtures import KindSettings
from models.estimators.user_kinds import UserKinds
from models.interactions import NO_ITEM, Histories, Interactions
from models.knowledge import ItemKnowledge
from tests.support.worlds import random_knowledge

N_USERS, N_ITEMS = 300, 60
NEW = np.arange(50, N_ITEMS)  # items without a train row
SETTINGS = KindSettings(in_all=8)


def planted(seed: int = 0) -> tuple[Interactions, NDArray[np.float32], ItemKnowledge, NDArray[np.bool_]]:
    """Even users like items with keyword 0 and dislike those with keyword 1, odd users the other way round."""
    rng = np.random.default_rng(seed)
    knowledge = random_knowledge(seed, N_ITEMS)
    pro = np.zeros((N_ITEMS, len(knowledge.keywords)), dtype=np.float32)
    pro[np.arange(N_ITEMS), np.arange(N_ITEMS) % 2] = 1
    knowledge = replace(knowledge, pro=csr_array(pro), con=csr_array(np.zeros_like(pro)))
    items = np.concatenate([rng.permutation(NEW[0])[:12] for _ in range(N_USERS)])
    users = np.repeat(np.arange(N_USERS), 12)
    liked = users % 2 == items % 2
    surprises = (np.where(liked, 0.6, -0.6) + rng.normal(size=len(users))).astype(np.float32)
    ratings = np.clip(3 + surprises, 1, 5).astype(np.float32)
    return Interactions(users, items, ratings >= 3, ratings, N_USERS, N_ITEMS), surprises, knowledge, liked


def history(items: list[int], surprises: list[float]) -> tuple[Histories, NDArray[np.float32]]:
    """One history, with padding behind it."""
    padded = [*items, NO_ITEM]
    likes = [value > 0 for value in [*surprises, -1.0]]
    return Histories(np.array([padded]), np.array([likes])), np.array([[*surprises, 0]], dtype=np.float32)


def match(kinds: UserKinds, item: int, items: list[int], surprises: list[float]) -> float:
    return float(kinds.matches(np.array([item]), *history(items, surprises))[0])


def test_planted_kinds_are_told_from_a_few_reactions_and_carry_over_to_items_that_nobody_rated() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, surprises, knowledge, 2, SETTINGS)
    likes_even, likes_odd = [0, 2, 1, 3], [1.0, 1.0, -1.0, -1.0]
    for item in NEW.tolist():
        even = match(kinds, item, likes_even, likes_odd)
        odd = match(kinds, item, likes_even, [-value for value in likes_odd])
        assert (even > 0.1 > -0.1 > odd) == (item % 2 == 0)
        assert (odd > 0.1 > -0.1 > even) == (item % 2 == 1)


def test_a_user_without_history_is_of_any_kind_by_its_share() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, surprises, knowledge, 2, SETTINGS)
    posteriors = kinds.posteriors(*history([], []))[0]
    np.testing.assert_allclose(posteriors, kinds.shares.ravel(), rtol=1e-5)
    np.testing.assert_allclose(posteriors.reshape(kinds.shares.shape).sum(axis=1), 1, rtol=1e-5)


def test_more_reactions_of_one_kind_make_that_kind_surer() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, surprises, knowledge, 2, SETTINGS)
    expected = [match(kinds, 50, [0, 2, 4, 6][:n], [1.0] * n) for n in range(5)]
    assert np.all(np.diff(expected) > 0)


def test_tastes_name_the_keywords_that_the_kind_is_apart_in() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, surprises, knowledge, 2, SETTINGS)
    posteriors = kinds.posteriors(*history([0, 2, 1, 3], [1.0, 1.0, -1.0, -1.0]))
    tastes = kinds.tastes(posteriors)["pro"][0]
    assert tastes[0] > 0.1
    assert tastes[1] < -0.1
    np.testing.assert_array_equal(tastes[2:], 0)  # keywords that no item has


def test_a_stiff_penalty_leaves_nothing_of_kinds() -> None:
    train, surprises, knowledge, _ = planted()
    stiff = KindSettings(in_all=8, content_penalty=1e9, item_penalty=1e9)
    kinds = UserKinds.fit(train, surprises, knowledge, 2, stiff)
    assert abs(match(kinds, 50, [0, 2], [1.0, 1.0]) - match(kinds, 50, [0, 2], [-1.0, -1.0])) < 0.05


def test_the_same_seed_gives_the_same_kinds() -> None:
    train, surprises, knowledge, _ = planted()
    first, again = (UserKinds.fit(train, surprises, knowledge, 4, SETTINGS).arrays() for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])


def test_other_keywords_by_name_and_items_by_row() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, surprises, knowledge, 2, SETTINGS)
    order = np.roll(np.arange(len(knowledge.keywords)), 3)
    renamed = replace(
        knowledge,
        keywords=tuple(np.array(knowledge.keywords)[order].tolist()),
        pro=csr_array(knowledge.pro[:, order]),
        con=csr_array(knowledge.con[:, order]),
    )
    np.testing.assert_allclose(kinds.knowing(renamed).levels, kinds.levels, atol=1e-6)
    rows = np.array([7, 3, 7])
    some = replace(knowledge, pro=csr_array(knowledge.pro[rows]), con=csr_array(knowledge.con[rows]))
    np.testing.assert_allclose(kinds.knowing(some, rows).levels, kinds.levels[rows], atol=1e-6)
    foreign = replace(knowledge, keywords=tuple(f"other {k}" for k in range(len(knowledge.keywords))))
    np.testing.assert_array_equal(kinds.knowing(foreign).levels, kinds.own)


@pytest.mark.parametrize("n_keywords", [0, 1])
def test_items_without_keywords_or_categories_still_have_kinds(n_keywords: int) -> None:
    train, surprises, knowledge, liked = planted()
    nothing = csr_array((N_ITEMS, n_keywords), dtype=np.float32)
    bare = replace(
        knowledge,
        keywords=("keyword",) * n_keywords,
        pro=nothing,
        con=nothing,
        categories=csr_array((N_ITEMS, 0), dtype=np.float32),
        category_names=(),
    )
    kinds = UserKinds.fit(train, surprises, bare, 2, SETTINGS)
    histories = train.histories(train.users, 11)
    of_rows = np.take_along_axis(surprises.reshape(N_USERS, 12), np.arange(1, 12)[None], axis=1)[train.users]
    matches = kinds.matches(train.items, histories, of_rows)
    assert matches[liked].mean() > matches[~liked].mean() + 0.2
    assert kinds.arrays()["pro"].shape == (n_keywords, 8)


def test_no_surprise_at_all_gives_finite_numbers() -> None:
    train, surprises, knowledge, _ = planted()
    kinds = UserKinds.fit(train, np.zeros_like(surprises), knowledge, 2, SETTINGS)
    assert all(np.isfinite(array).all() for array in kinds.arrays().values())
    assert match(kinds, 50, [0, 2], [1.0, 1.0]) == 0
