"""Sets of past reactions that turn an answer: they do, none of their members can be spared, small ones are smallest."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from models.explanation.attribution import Pairs, margins, margins_without_each
from models.explanation.counterfactuals import Target, counterfactuals, signed
from models.interactions import Histories
from tests.models.explanation.test_attribution import left_out, pairs_of
from tests.support.worlds import shared_world


@pytest.mark.parametrize("target", ["probability", "vote"])
def test_a_counterfactual_turns_the_answer_and_can_spare_no_member(target: Target) -> None:
    sizes = set()
    for seed in range(6):
        world = shared_world(seed)
        pairs = pairs_of(world)
        likes = signed(margins(world, pairs), target) > 0

        def turned(row: int, positions: tuple[int, ...]) -> bool:
            margin = signed(margins(world, left_out(pairs, row, positions)), target)[0]  # noqa: B023
            return bool(margin < 0 if likes[row] else margin > 0)  # noqa: B023

        without_one = margins_without_each(world, pairs)
        for row, found in enumerate(counterfactuals(world, pairs, likes, without_one, target=target, most=4)):
            n = int(pairs.histories.mask[row].sum())
            turned_by_one = any(turned(row, (position,)) for position in range(n))
            if found is None:
                assert not turned_by_one
                continue
            sizes.add(len(found))
            assert (len(found) == 1) == turned_by_one
            assert turned(row, found)
            for part in combinations(found, len(found) - 1):
                assert not turned(row, part)
    assert max(sizes) > 1  # greedy sets were met too


def test_without_history_nothing_turns_an_answer() -> None:
    world = shared_world(0)
    pairs = Pairs(np.array([0]), np.array([3]), Histories(np.array([[-1]]), np.array([[False]])))
    without_one = margins_without_each(world, pairs)
    assert without_one.probability == margins(world, pairs).probability
    assert counterfactuals(world, pairs, np.array([True]), without_one, target="vote", most=3) == [None]
