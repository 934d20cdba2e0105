from __future__ import annotations

import numpy as np
import pytest

from models.agents.policies import PopularityPolicy, recommend
from models.interactions import NO_ITEM
from tests.support.planted_worlds import by_vote
from tests.support.worlds import N_ITEMS, tiny_world

WORLD = tiny_world(0)
USERS = np.array([3, 0, 3])


def test_best_first_and_nothing_that_is_known() -> None:
    found = recommend(PopularityPolicy(), WORLD, by_vote(), USERS, k=4)
    train = WORLD.interactions
    likes = np.bincount(train.items[train.likes], minlength=N_ITEMS)
    assert found.items.shape == (3, 4)
    for user, items in zip(USERS, found.items, strict=True):
        assert not np.isin(items, train.items[train.users == user]).any()
        assert np.all(np.diff(likes[items]) <= 0)
    np.testing.assert_array_equal(found.items[0], found.items[2])


def test_probabilities_are_the_simulators() -> None:
    found = recommend(PopularityPolicy(), WORLD, by_vote(), USERS, k=2)
    histories = WORLD.interactions.histories(USERS, WORLD.max_history)
    expected = WORLD.respond(USERS, found.items[:, 1], histories, np.zeros((3, 3)))
    np.testing.assert_allclose(found.probabilities[:, 1], expected.probability, rtol=1e-5)


def test_who_knows_everything_else_gets_fewer() -> None:
    found = recommend(PopularityPolicy(), WORLD, by_vote(), USERS[:1], k=100)
    known = np.unique(WORLD.interactions.items[WORLD.interactions.users == 3])
    assert (found.items[0] == NO_ITEM).sum() == len(known)
    assert found.probabilities[0, -len(known) :].tolist() == [0] * len(known)


@pytest.mark.parametrize(("users", "k"), [([20], 1), ([-1], 1), ([0], 0)])
def test_nonsense_is_refused(users: list[int], k: int) -> None:
    with pytest.raises(ValueError, match="expected k from 1 and users from 0 to 19"):
        recommend(PopularityPolicy(), WORLD, by_vote(), np.array(users), k)
