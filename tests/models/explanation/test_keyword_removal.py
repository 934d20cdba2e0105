"""A candidate without some of its keywords is answered as if it had never had them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from models.explanation.attribution import answers
from models.explanation.explainer import explain
from models.explanation.keyword_removal import (
    Lacking,
    answers_lacking,
    keyword_effects,
    own_keywords,
    smallest_keyword_sets,
)
from tests.support.keyword_worlds import keyword_world, unrated_pairs, world_without


@pytest.mark.parametrize("seed", [0, 1])
def test_lacking_a_keyword_is_as_never_having_had_it(seed: int) -> None:
    world, record = keyword_world(seed)
    pairs = unrated_pairs(world)
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    checked = 0
    for row in range(0, len(pairs), 3):
        own = own_keywords(world.knowledge, int(pairs.items[row]))
        for lost in ((), *((keyword,) for keyword in own), own[:2], own):
            others = pairs.rows(np.array([row]))
            found = answers_lacking(world, record, pairs, opinions, [Lacking(row, lost)])
            expected = answers(world_without(world, record, int(pairs.items[row]), lost), others)
            for value, wanted in zip(found, expected, strict=True):
                assert value[0] == pytest.approx(wanted[0], abs=1e-5)
                checked += 1
    assert checked > 50


def test_an_effect_is_the_fall_of_the_probability() -> None:
    world, record = keyword_world(2)
    pairs = unrated_pairs(world)
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    before = answers(world, pairs).probability
    for row, effects in enumerate(keyword_effects(world, record, pairs, opinions)):
        assert tuple(effects) == own_keywords(world.knowledge, int(pairs.items[row]))
        for keyword, effect in effects.items():
            after = answers_lacking(world, record, pairs, opinions, [Lacking(row, (keyword,))]).probability[0]
            assert effect == pytest.approx(before[row] - after, abs=1e-6)


def test_the_fewest_keywords_that_turn_a_vote() -> None:
    sizes = set()
    for seed in range(4):
        world, record = keyword_world(seed)
        pairs = unrated_pairs(world)
        opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
        likes = answers(world, pairs).by_vote > 0
        found = smallest_keyword_sets(world, record, pairs, opinions, likes=likes, most=2)
        for row, chosen in enumerate(found):
            own = own_keywords(world.knowledge, int(pairs.items[row]))
            for size in (1, 2):
                tried = [Lacking(row, lost) for lost in combinations(own, size)]
                by_vote = answers_lacking(world, record, pairs, opinions, tried).by_vote
                turning = [t.keywords for t, v in zip(tried, by_vote, strict=True) if (v < 0 if likes[row] else v > 0)]
                if chosen is None or len(chosen) > size:
                    assert not turning
                elif len(chosen) == size:
                    assert chosen in turning
                    sizes.add(size)
    assert sizes == {1, 2}


def test_an_explanation_names_keywords_by_their_effect_and_with_their_evidence() -> None:
    world, record = keyword_world(5)
    names = world.knowledge.keywords
    told = {
        (item, side, names[column]): f"words of item {item}, {side} {column}"
        for item in range(world.n_items)
        for side, column in own_keywords(world.knowledge, item)
    }
    reasons = []
    for user in range(0, world.n_users, 4):
        history = world.interactions.histories(np.array([user]), 100)
        for item in range(0, world.n_items, 3):
            explained = explain(
                world, user, item, history, np.random.default_rng(0), record=replace(record, evidence=told)
            )
            found = explained.grounds.keyword_reasons
            assert all((reason.effect > 0) == (explained.probability >= 0.5) for reason in found)
            assert [abs(reason.effect) for reason in found] == sorted((abs(r.effect) for r in found), reverse=True)
            for reason in (*found,):
                assert reason.evidence == told[item, reason.side, reason.keyword]
                assert f"“{reason.evidence}”" in explained.why()
            for side, matches in (("pro", explained.keyword_matching.pros), ("con", explained.keyword_matching.cons)):
                assert all(match.evidence == told[item, side, match.keyword] for match in matches)
            reasons += found
    assert len(reasons) > 20
