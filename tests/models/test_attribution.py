"""What a probability rests on: sums that come out exactly, effects of leaving out, sets that can spare no member."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from models.attribution import (
    Pairs,
    contributions,
    counterfactuals,
    moves_as_said,
    probabilities,
    remembered,
    removal_effects,
    smallest_keyword_set,
    strongest,
)
from models.explain import without_item
from models.interactions import Histories
from models.simulator import UserSimulator
from tests.models.worlds import MAX_HISTORY, N_USERS, tiny_world


def _pairs(world: UserSimulator) -> Pairs:
    users = np.arange(N_USERS)
    return remembered(world, Pairs(users, users * 7 % world.n_items, world.interactions.histories(users, MAX_HISTORY)))


def _left_out(pairs: Pairs, row: int, positions: tuple[int, ...]) -> Pairs:
    """One pair without some reactions, each taken out by hand."""
    history = pairs.histories[row : row + 1]
    for item in history.items[0, list(positions)].tolist():
        history = without_item(history, item)
    return Pairs(pairs.users[[row]], pairs.items[[row]], history)


@pytest.mark.parametrize("seed", [0, 1])
def test_contributions_and_the_average_add_up_to_the_logit(seed: int) -> None:
    world = tiny_world(seed)
    pairs = _pairs(world)
    features = world.models.opinions(pairs.users, pairs.items, pairs.histories).features
    average, added = contributions(world.ensemble, features)
    assert average + added.sum(axis=1) == pytest.approx(world.ensemble.logits(features), abs=1e-4)
    at_average, nothing = contributions(world.ensemble, np.array([world.ensemble.means], dtype=np.float32))
    assert (at_average, np.abs(nothing).max()) == (average, pytest.approx(0, abs=1e-6))


def test_an_effect_is_what_the_simulator_says_with_and_without_a_reaction() -> None:
    world = tiny_world(2)
    pairs = _pairs(world)
    effects, before = removal_effects(world, pairs), probabilities(world, pairs)
    assert not effects[~pairs.histories.mask].any()
    for row in (0, 5, 11):
        for position in np.flatnonzero(pairs.histories.mask[row]).tolist():
            after = probabilities(world, _left_out(pairs, row, (position,)))[0]
            assert effects[row, position] == pytest.approx(before[row] - after, abs=1e-5)


def test_a_counterfactual_turns_the_answer_and_can_spare_no_member() -> None:
    sizes = set()
    for seed in range(6):
        world = tiny_world(seed)
        pairs = _pairs(world)
        likes = probabilities(world, pairs) >= 0.5
        for row, found in enumerate(counterfactuals(world, pairs, removal_effects(world, pairs), most=4)):
            n = int(pairs.histories.mask[row].sum())
            turned_by_one = [
                position
                for position in range(n)
                if (probabilities(world, _left_out(pairs, row, (position,)))[0] >= 0.5) != likes[row]
            ]
            if found is None:
                assert not turned_by_one
                continue
            sizes.add(len(found))
            assert (len(found) == 1) == bool(turned_by_one)
            assert (probabilities(world, _left_out(pairs, row, found))[0] >= 0.5) != likes[row]
            for part in combinations(found, len(found) - 1):
                assert (probabilities(world, _left_out(pairs, row, part))[0] >= 0.5) == likes[row]
    assert max(sizes) > 1  # greedy sets were met too


def test_named_reasons_move_the_probability_as_said_and_others_do_not() -> None:
    world = tiny_world(3)
    pairs = _pairs(world)
    likes, effects = probabilities(world, pairs) >= 0.5, removal_effects(world, pairs)
    named = [strongest(effects[row], bool(likes[row]), 1) for row in range(len(pairs))]
    has_one = np.array([len(positions) > 0 for positions in named])
    assert has_one.sum() > 5
    assert np.array_equal(moves_as_said(world, pairs, named, likes), has_one)
    assert not moves_as_said(world, pairs, named, ~likes).any()


def test_only_reasons_that_speak_for_the_answer_are_named() -> None:
    effects = np.array([0.1, -0.3, 0.2, 0.0], dtype=np.float32)
    assert list(strongest(effects, like=True, most=3)) == [2, 0]
    assert list(strongest(effects, like=False, most=3)) == [1]


def test_the_fewest_keywords_that_lose_a_vote() -> None:
    counts = {"funny": 3, "warm": 2, "short": 1}
    assert smallest_keyword_set(counts, 1) == ("funny",)
    assert smallest_keyword_set(counts, 4) == ("funny", "warm")
    assert smallest_keyword_set(counts, 6) == ("funny", "warm", "short")
    assert smallest_keyword_set({"funny": 1}, 2) is None


def test_without_history_nothing_is_named() -> None:
    world = tiny_world(0)
    empty = Histories(np.array([[-1]]), np.array([[False]]))
    pairs = Pairs(np.array([0]), np.array([3]), empty)
    effects = removal_effects(world, pairs)
    assert not effects.any()
    assert counterfactuals(world, pairs, effects, most=3) == [None]
