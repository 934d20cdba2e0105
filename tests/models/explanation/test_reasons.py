"""Reasons hold together: what is named, left out at once, moves P(like) away from the answer."""

from __future__ import annotations

import numpy as np
import pytest

from models.explanation.attribution import Margins, Pairs, margins, margins_without_each
from models.explanation.keyword_removal import OwnKeyword, keyword_effects
from models.explanation.reasons import Effects, Reasons, moves_away, probability_without, reasons, strongest
from models.simulation.simulator import UserSimulator
from tests.models.explanation.test_attribution import left_out
from tests.support.keyword_worlds import keyword_world, unrated_pairs, world_without

A, B, C = (OwnKeyword("pro", column) for column in range(3))


def _effects(world: UserSimulator, pairs: Pairs) -> list[Effects]:
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    before = Margins.from_opinions(world, opinions).probability
    reactions = before[:, None] - margins_without_each(world, pairs).probability
    keywords = keyword_effects(world, pairs, opinions)
    return [Effects(*both) for both in zip(reactions * pairs.histories.mask, keywords, strict=True)]


def test_only_reasons_that_speak_for_the_answer_are_named() -> None:
    effects = Effects(np.array([0.1, -0.3, 0.2, 0.0], dtype=np.float32), {A: 0.01, B: -0.02, C: 0.00001})
    assert strongest(effects, like=True) == Reasons((2, 0), (A,))
    assert strongest(effects, like=False) == Reasons((1,), (B,))


def test_a_probability_moves_away_where_it_leaves_the_answer() -> None:
    before, after = np.array([0.7, 0.7, 0.3, 0.3]), np.array([0.6, 0.8, 0.4, 0.2])
    likes = np.array([True, True, False, False])
    assert moves_away(before, after, likes).tolist() == [True, False, True, False]


@pytest.mark.parametrize("seed", [0, 1])
def test_leaving_out_all_reasons_is_as_if_none_had_been_there(seed: int) -> None:
    world = keyword_world(seed)
    pairs = unrated_pairs(world)
    named = [strongest(of_pair, like=True) for of_pair in _effects(world, pairs)]
    assert sum(bool(of_pair.reactions and of_pair.keywords) for of_pair in named) > 3
    found = probability_without(world, pairs, named)
    for row, (reactions, keywords) in enumerate(named):
        poorer = world_without(world, int(pairs.items[row]), keywords)
        assert found[row] == pytest.approx(margins(poorer, left_out(pairs, row, reactions)).probability[0], abs=1e-5)


def test_reasons_that_do_not_hold_together_lose_the_weakest() -> None:
    shortened = 0
    for seed in range(6):
        world = keyword_world(seed)
        pairs = unrated_pairs(world)
        before, effects = margins(world, pairs).probability, _effects(world, pairs)
        likes = before >= 0.5
        whole = [strongest(of_pair, like=like) for of_pair, like in zip(effects, likes.tolist(), strict=True)]
        named = reasons(world, pairs, before, effects)
        any_named = np.array([any(of_pair) for of_pair in named])
        assert moves_away(before, probability_without(world, pairs, named), likes)[any_named].all()
        held = moves_away(before, probability_without(world, pairs, whole), likes)
        for row, (of_pair, most) in enumerate(zip(named, whole, strict=True)):
            assert of_pair.reactions == most.reactions[: len(of_pair.reactions)]
            assert of_pair.keywords == most.keywords[: len(of_pair.keywords)]
            if any(most):
                assert (of_pair == most) == held[row]
                shortened += of_pair != most
                dropped = [abs(effects[row].reactions[t]) for t in most.reactions[len(of_pair.reactions) :]]
                dropped += [abs(effects[row].keywords[own]) for own in most.keywords[len(of_pair.keywords) :]]
                kept = [abs(effects[row].reactions[t]) for t in of_pair.reactions]
                kept += [abs(effects[row].keywords[own]) for own in of_pair.keywords]
                assert max(dropped, default=0) <= min(kept, default=1)
    assert shortened > 0
