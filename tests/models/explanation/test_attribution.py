"""What a probability rests on: sums that come out exactly, effects of leaving out, sets that can spare no member."""

from __future__ import annotations

import numpy as np
import pytest

from models.explanation.attribution import (
    Margins,
    Pairs,
    contributions,
    margins,
    margins_without_each,
    remembered,
)
from models.explanation.explainer import without_item
from models.response.features import FEATURE_NAMES, feature_matrix
from models.simulation.simulator import UserSimulator
from tests.support.worlds import MAX_HISTORY, N_USERS, shared_world


def pairs_of(world: UserSimulator) -> Pairs:
    users = np.arange(N_USERS)
    return remembered(world, Pairs(users, users * 7 % world.n_items, world.interactions.histories(users, MAX_HISTORY)))


def left_out(pairs: Pairs, row: int, positions: tuple[int, ...]) -> Pairs:
    """One pair without some reactions, each taken out by hand."""
    history = pairs.histories[row : row + 1]
    for item in history.items[0, list(positions)].tolist():
        history = without_item(history, item)
    return Pairs(pairs.users[[row]], pairs.items[[row]], history)


@pytest.mark.parametrize("seed", [0, 1])
def test_contributions_and_the_average_add_up_to_the_logit(seed: int) -> None:
    world = shared_world(seed)
    pairs = pairs_of(world)
    features = world.models.opinions(pairs.users, pairs.items, pairs.histories).features
    average, added = contributions(world.ensemble, features)
    assert average + added.sum(axis=1) == pytest.approx(world.ensemble.logits(feature_matrix(features)), abs=1e-4)
    averages = {
        name: np.array([mean], np.float32) for name, mean in zip(FEATURE_NAMES, world.ensemble.means, strict=True)
    }
    at_average, nothing = contributions(world.ensemble, averages)
    assert (at_average, np.abs(nothing).max()) == (average, pytest.approx(0, abs=1e-6))


def test_an_effect_is_what_the_simulator_says_with_and_without_a_reaction() -> None:
    world = shared_world(1)
    pairs = pairs_of(world)
    without_one, before = margins_without_each(world, pairs), margins(world, pairs)
    nothing = ~pairs.histories.mask
    for table, column in zip(without_one, before, strict=True):
        assert (table[nothing] == np.broadcast_to(column[:, None], table.shape)[nothing]).all()
    for row in (0, 5, 11):
        for position in np.flatnonzero(pairs.histories.mask[row]).tolist():
            after = margins(world, left_out(pairs, row, (position,)))
            for table, column in zip(without_one, after, strict=True):
                assert table[row, position] == pytest.approx(column[0], abs=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_median_of_the_margins_says_what_two_of_three_vote(seed: int) -> None:
    world = shared_world(seed)
    pairs = pairs_of(world)
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    values, by_vote = opinions.vote_values(), Margins.from_opinions(world, opinions).vote
    assert np.array_equal(by_vote > 0, (values == 1).sum(axis=1) >= 2)
    assert np.array_equal(by_vote < 0, (values == 0).sum(axis=1) >= 2)
