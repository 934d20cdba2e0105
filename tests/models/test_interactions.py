"""Histories are the last interactions of each user, oldest first, with padding that is no item."""

from __future__ import annotations

import numpy as np
import pytest

from models.interactions import NO_ITEM, Interactions


def interactions(users: list[int], items: list[int], likes: list[bool]) -> Interactions:
    return Interactions(
        np.array(users), np.array(items), np.array(likes), np.ones(len(users), dtype=np.float32), n_users=3, n_items=9
    )


def test_histories_are_right_padded_and_item_zero_is_an_item() -> None:
    histories = interactions([0, 0, 2], [5, 0, 7], [True, False, True]).histories(np.array([2, 0, 1]), max_length=10)
    assert histories.items.tolist() == [[7, NO_ITEM], [5, 0], [NO_ITEM, NO_ITEM]]
    assert histories.likes.tolist() == [[True, False], [True, False], [False, False]]
    assert histories.mask.tolist() == [[True, False], [True, True], [False, False]]


def test_long_histories_keep_the_latest() -> None:
    histories = interactions([1, 1, 1], [3, 4, 5], [True, True, False]).histories(np.array([1]), max_length=2)
    assert histories.items.tolist() == [[4, 5]]
    assert histories.likes.tolist() == [[True, False]]


def test_no_interactions_give_empty_histories() -> None:
    assert not interactions([], [], []).histories(np.array([0, 1]), max_length=5).mask.any()


def test_unsorted_interactions_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by user"):
        interactions([1, 0], [2, 3], [True, True])


def test_histories_come_in_parts_that_together_are_all() -> None:
    known = interactions([0, 0, 2], [5, 0, 7], [True, False, True])
    users = np.random.default_rng(0).integers(3, size=5000)
    parts = list(known.histories_by_parts(users, 2))
    assert len(parts) > 1
    assert np.concatenate([np.arange(len(users))[rows] for rows, _ in parts]).tolist() == list(range(len(users)))
    for rows, histories in parts:
        whole = known.histories(users[rows], 2)
        assert np.array_equal(histories.items, whole.items)
        assert np.array_equal(histories.likes, whole.likes)
    ((rows, none),) = known.histories_by_parts(users[:0], 2)
    assert (rows, len(none)) == (slice(0, 0), 0)
