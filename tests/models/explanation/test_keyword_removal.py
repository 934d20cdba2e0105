"""A candidate without some of its keywords is answered as if it had never had them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from models.explanation.attribution import margins
from models.explanation.explainer import explain
from models.explanation.keyword_removal import (
    Lacking,
    keyword_effects,
    margins_without_keywords,
    own_keywords,
    smallest_keyword_sets,
)
from models.explanation.votes import ItemIndexes, KeywordRecord
from tests.support.keyword_worlds import keyword_world, unrated_pairs, world_without


@pytest.mark.parametrize("seed", [0, 1])
def test_lacking_a_keyword_is_as_never_having_had_it(seed: int) -> None:
    world = keyword_world(seed)
    pairs = unrated_pairs(world)
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    checked = 0
    for row in range(0, len(pairs), 3):
        own = own_keywords(world.knowledge, int(pairs.items[row]))
        for lost in ((), *((keyword,) for keyword in own), own[:2], own):
            others = pairs.rows(np.array([row]))
            found = margins_without_keywords(world, pairs, opinions, [Lacking(row, lost)])
            expected = margins(world_without(world, int(pairs.items[row]), lost), others)
            for value, wanted in zip(found, expected, strict=True):
                assert value[0] == pytest.approx(wanted[0], abs=1e-5)
                checked += 1
    assert checked > 50


def test_an_effect_is_the_fall_of_the_probability() -> None:
    world = keyword_world(2)
    pairs = unrated_pairs(world)
    opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
    before = margins(world, pairs).probability
    for row, effects in enumerate(keyword_effects(world, pairs, opinions)):
        assert tuple(effects) == own_keywords(world.knowledge, int(pairs.items[row]))
        for keyword, effect in effects.items():
            after = margins_without_keywords(world, pairs, opinions, [Lacking(row, (keyword,))]).probability[0]
            assert effect == pytest.approx(before[row] - after, abs=1e-6)


def test_the_fewest_keywords_that_turn_a_vote() -> None:
    sizes = set()
    for seed in range(4):
        world = keyword_world(seed)
        pairs = unrated_pairs(world)
        opinions = world.models.opinions(pairs.users, pairs.items, pairs.histories)
        likes = margins(world, pairs).vote > 0
        found = smallest_keyword_sets(world, pairs, opinions, likes=likes, most=2)
        for row, chosen in enumerate(found):
            own = own_keywords(world.knowledge, int(pairs.items[row]))
            for size in (1, 2):
                tried = [Lacking(row, lost) for lost in combinations(own, size)]
                by_vote = margins_without_keywords(world, pairs, opinions, tried).vote
                turning = [t.keywords for t, v in zip(tried, by_vote, strict=True) if (v < 0 if likes[row] else v > 0)]
                if chosen is None or len(chosen) > size:
                    assert not turning
                elif len(chosen) == size:
                    assert chosen in turning
                    sizes.add(size)
    assert sizes == {1, 2}


def test_an_explanation_names_keywords_by_their_effect_and_with_their_evidence() -> None:
    world = keyword_world(5)
    names = world.knowledge.keywords
    told = {
        (item, side, names[column]): f"words of item {item}, {side} {column}"
        for item in range(world.n_items)
        for side, column in own_keywords(world.knowledge, item)
    }
    record, reasons = KeywordRecord(told, ItemIndexes.build(world.knowledge)), []
    for user in range(0, world.n_users, 4):
        history = world.interactions.histories(np.array([user]), 100)
        for item in range(0, world.n_items, 3):
            explained = explain(world, user, item, history, np.random.default_rng(0), record=record)
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
