"""Answers in batches against a reference that asks formula by formula and pair by pair."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from models.response.features import FEATURE_NAMES
from tests.support import plain_reference
from tests.support.worlds import MAX_HISTORY, N_USERS, tiny_world


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
        assert {name: float(found[name][row]) for name in FEATURE_NAMES} == pytest.approx(
            dict(zip(FEATURE_NAMES, expected.tolist(), strict=True)), abs=2e-4
        )


def test_threads_share_a_batch_without_changing_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = tiny_world(0)
    users = np.arange(1501) % N_USERS
    items, histories = users * 7 % world.n_items, world.interactions.histories(users, MAX_HISTORY)
    parts = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
        parts.append(world.models.opinions(users, items, histories))
    one, several = parts
    for name in FEATURE_NAMES:
        assert several.features[name] == pytest.approx(one.features[name], abs=1e-6)
    assert np.array_equal(several.keyword_evidence.positive, one.keyword_evidence.positive)
    coins = np.random.default_rng(0).random((len(users), 2))
    assert np.array_equal(several.votes(coins), one.votes(coins))
