"""Answers in batches against a reference that asks formula by formula and pair by pair."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.estimators.logistic import majority
from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from models.response.features import FEATURE_NAMES, ResponseModels
from tests.support import plain_reference
from tests.support.worlds import MAX_HISTORY, N_USERS, random_interactions, tiny_world


def _random_histories(rng: np.random.Generator, lengths: list[int], n_items: int) -> Histories:
    shape = len(lengths), MAX_HISTORY
    items, likes = np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool)
    ratings = np.full(shape, UNKNOWN_RATING, dtype=np.float32)
    for row, length in enumerate(lengths):
        items[row, :length] = rng.permutation(n_items)[:length]
        likes[row, :length] = rng.random(length) < 0.6
        rated = likes[row, :length] * 2 + rng.integers(1, 4, size=length)
        ratings[row, :length] = np.where(rng.random(length) < 0.7, rated, UNKNOWN_RATING)
    return Histories(items, likes, ratings)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(0, MAX_HISTORY), min_size=1, max_size=8))
def test_batches_equal_the_reference_on_random_worlds(seed: int, lengths: list[int]) -> None:
    world, rng = tiny_world(seed), np.random.default_rng(seed)
    histories = _random_histories(rng, lengths, world.n_items)
    users, items = rng.integers(N_USERS, size=len(lengths)), rng.integers(world.n_items, size=len(lengths))
    found = world.models.opinions(users, items, histories).features
    for row, length in enumerate(lengths):
        columns = (histories.items, histories.likes, histories.ratings)
        reactions = list(zip(*(column[row, :length].tolist() for column in columns), strict=True))
        expected = plain_reference.features(world, int(users[row]), int(items[row]), reactions)
        assert dict(zip(FEATURE_NAMES, found[row].tolist(), strict=True)) == pytest.approx(
            dict(zip(FEATURE_NAMES, expected.tolist(), strict=True)), abs=2e-4
        )


def _voters_agree(models: ResponseModels, items: NDArray[np.int64], histories: Histories) -> None:
    """Asked alone, those who vote say what they say among all."""
    opinions, rng = models.opinions(np.zeros(len(items), dtype=np.int64), items, histories), np.random.default_rng(0)
    found, votes, likes = models.of_voters(items, histories, (rng.random(len(items)), rng.random(len(items))))
    for place, among in enumerate((opinions.keyword_evidence, opinions.similarity_evidence)):
        assert np.array_equal(found[2 * place], among.positive)
        assert np.array_equal(found[2 * place + 1], among.negative)
    assert found[4] == pytest.approx(opinions.sasrec_probability, abs=1e-6)
    assert np.isnan(found[5]).all()
    assert np.array_equal(votes, opinions.votes(np.random.default_rng(0)))
    assert np.array_equal(likes, majority(votes))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    lengths=st.lists(st.integers(0, MAX_HISTORY), min_size=1, max_size=8),
    counting=st.integers(1, MAX_HISTORY),
)
def test_voters_alone_say_what_they_say_among_all(seed: int, lengths: list[int], counting: int) -> None:
    world, rng = tiny_world(seed), np.random.default_rng(seed)
    world.models.sasrec.statistics.max_history = counting
    _voters_agree(
        world.models, rng.integers(world.n_items, size=len(lengths)), _random_histories(rng, lengths, world.n_items)
    )


def test_voters_follow_statistics_that_are_fitted_anew() -> None:
    world, rng = tiny_world(0), np.random.default_rng(0)
    items, histories = rng.integers(world.n_items, size=8), _random_histories(rng, [5] * 8, world.n_items)
    coins = np.zeros(8), np.zeros(8)
    before = world.models.of_voters(items, histories, coins)[0][4]
    world.models.sasrec.statistics.fit(random_interactions(7))
    _voters_agree(world.models, items, histories)
    assert np.abs(world.models.of_voters(items, histories, coins)[0][4] - before).max() > 1e-3


def test_threads_share_a_batch_without_changing_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = tiny_world(0)
    users = np.arange(1501) % N_USERS
    items, histories = users * 7 % world.n_items, world.interactions.histories(users, MAX_HISTORY)
    parts = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
        parts.append(world.models.opinions(users, items, histories))
    one, several = parts
    assert several.features == pytest.approx(one.features, abs=1e-6)
    assert np.array_equal(several.keyword_evidence.positive, one.keyword_evidence.positive)
    assert np.array_equal(several.votes(np.random.default_rng(0)), one.votes(np.random.default_rng(0)))
