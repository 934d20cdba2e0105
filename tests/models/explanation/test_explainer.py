"""An explanation is the model's own evidence taken apart, in numbers and in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.explanation.explainer import explain, without_item
from models.explanation.explanation import Explanation
from models.interactions import NO_ITEM, Histories
from models.simulation.simulator import coins
from tests.support.worlds import shared_world

PAIRS = [(user, item) for user in range(0, 20, 3) for item in range(0, 15, 2)]


@cache
def explained(seed: int, user: int, item: int) -> Explanation:
    """An explanation in a shared world; coins by the user."""
    world = shared_world(seed)
    history = world.interactions.histories(np.array([user]), 100)
    return explain(world, user, item, history, np.random.default_rng(user))


@pytest.mark.parametrize(("seed", "pairs"), [(1, PAIRS), (2, PAIRS[::4])])
def test_an_explanation_adds_up_to_the_models_evidence(seed: int, pairs: list[tuple[int, int]]) -> None:
    world = shared_world(seed)
    for user, item in pairs:
        history = without_item(world.interactions.histories(np.array([user]), 100), item)
        tossed = coins(np.random.default_rng(user), 1)
        responses = world.respond(np.array([user]), np.array([item]), history, tossed)
        explanation = explained(seed, user, item)
        keywords, similarity = explanation.keyword_matching, explanation.similarity
        assert sum(len(match.items) for match in keywords.pros) == responses.keyword_evidence.positive[0]
        assert sum(len(match.items) for match in keywords.cons) == responses.keyword_evidence.negative[0]
        compared = similarity.nearest_liked or similarity.nearest_disliked
        for value, neighbours, evidence, neutral in zip(
            (similarity.positive, similarity.negative),
            (similarity.nearest_liked, similarity.nearest_disliked),
            (responses.similarity_evidence.positive[0], responses.similarity_evidence.negative[0]),
            world.models.similarity.neutral[::-1],  # of the other side
            strict=True,
        ):
            assert value == evidence
            missing = neutral if compared else 0.0
            assert evidence == pytest.approx(neighbours[0].cosine if neighbours else missing, abs=1e-6)
        assert list(explanation.votes.values()) == responses.votes[0].tolist()
        assert explanation.sasrec.probability == responses.sasrec_probability[0]
        assert explanation.probability == responses.probability[0]
        assert explanation.like == responses.like[0]


def test_matched_keywords_are_shared_by_liked_pros_and_disliked_cons() -> None:
    world = shared_world(1)
    knowledge = world.knowledge
    pro, con = knowledge.pro.toarray(), knowledge.con.toarray()
    seen = 0
    for user, item in PAIRS:
        history = without_item(world.interactions.histories(np.array([user]), 100), item)
        reactions = dict(zip(history.items[0].tolist(), history.likes[0].tolist(), strict=True))
        vote = explained(1, user, item).keyword_matching
        for matrix, matches, like in ((pro, vote.pros, True), (con, vote.cons, False)):
            for match in matches:
                column = knowledge.keywords.index(match.keyword)
                assert matrix[item, column] == 1
                for other in match.items:
                    assert reactions[other.item] == like
                    assert matrix[other.item, column] == 1
                    assert other.name == knowledge.item_names[other.item]
                    seen += 1
    assert seen > 50


def test_a_reaction_is_not_explained_by_itself() -> None:
    world = shared_world(2)
    history = world.interactions.histories(np.array([2]), 100)
    item = int(history.items[0, 1])
    explanation = explain(world, 2, item, history, np.random.default_rng(0))
    named = {
        *(other.item for match in explanation.keyword_matching.pros for other in match.items),
        *(neighbour.item for neighbour in explanation.similarity.nearest_liked),
    }
    assert item not in named
    assert explanation.history_size == history.mask.sum() - 1


def test_leaving_an_item_out_keeps_the_padding_on_the_right() -> None:
    history = Histories(np.array([[4, 0, 7, NO_ITEM]]), np.array([[True, False, True, False]]))
    assert without_item(history, 0).items.tolist() == [[4, 7]]
    assert without_item(history, 9).items.tolist() == [[4, 0, 7]]
    assert not without_item(Histories(np.array([[3]]), np.array([[True]])), 3).mask.any()


def test_a_history_longer_than_the_simulator_remembers_is_explained_by_its_end() -> None:
    world = shared_world(1)
    items = np.arange(1, 15)[None]
    history = Histories(items, np.ones_like(items, dtype=bool))
    explanation = explain(world, 0, 0, history, np.random.default_rng(0))
    assert explanation.history_size == world.max_history
    forgotten = set(items[0, : 14 - world.max_history].tolist())
    assert not forgotten & {neighbour.item for neighbour in explanation.similarity.nearest_liked}


def test_nothing_known_of_a_user_means_coins_and_no_reasons() -> None:
    world = shared_world(2)
    empty = Histories(np.array([[NO_ITEM]]), np.array([[False]]))
    explanations = [explain(world, 0, 3, empty, np.random.default_rng(seed)) for seed in range(20)]
    assert {explanation.keyword_matching.vote for explanation in explanations} == {0, 1}
    first = explanations[0]
    assert first.keyword_matching.by_coin
    assert (first.categories, first.history_size, first.keyword_matching.pros) == ((), 0, ())
    assert "by coin (nothing shared with the history)" in first.sentence()
    assert replace(first, user_name="Ada").sentence().startswith("Ada ")


def test_the_categories_are_the_candidates_that_the_history_knows() -> None:
    world = shared_world(1)
    categories = world.knowledge.categories.toarray() > 0
    for user, item in PAIRS:
        history = without_item(world.interactions.histories(np.array([user]), 100), item)
        known = categories[history.items[0][history.mask[0]]].any(axis=0)
        expected = tuple(f"category {column}" for column in np.flatnonzero(known & categories[item]))
        explanation = explained(1, user, item)
        assert explanation.categories == expected
        shared = (categories[history.items[0]] & categories[item]).any(axis=1).sum()
        assert explanation.compared_size == (shared or explanation.history_size)


def test_the_sentence_names_the_verdict_the_reasons_and_the_probabilities() -> None:
    world = shared_world(2)
    history = world.interactions.histories(np.array([0]), 100)
    explanations = [explain(world, 0, item, history, np.random.default_rng(0)) for item in range(15)]
    for explanation in explanations:
        sentence = explanation.sentence()
        verdict = "likes" if explanation.like else "does not like"
        assert sentence.startswith(f"user 0 {verdict} “{explanation.item_name}”")
        assert f"{sum(explanation.votes.values())} of 3:" in sentence
        assert f"calibrated P(like) is {explanation.probability:.2f}" in sentence
        assert all(match.keyword in sentence for match in explanation.keyword_matching.pros[:3])
        agrees = explanation.like == (explanation.probability >= 0.5)
        assert ("although" in sentence) != agrees
        assert sentence.count("\n") == 0
        assert sentence.endswith(").")


def test_an_explanation_is_json() -> None:
    world = shared_world(1)
    history = world.interactions.histories(np.array([1]), 100)
    explanation = replace(explain(world, 1, 4, history, np.random.default_rng(0)), user_name="u-1")
    value = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    assert value["votes"] == explanation.votes
    assert value["user_name"] == "u-1"
    assert value["sentence"] == explanation.sentence()
    assert value["keyword_matching"]["positive"] == explanation.keyword_matching.positive


@pytest.mark.parametrize(("user", "item", "message"), [(20, 0, "user: found 20"), (0, -1, "item: found -1")])
def test_unknown_pairs_are_refused(user: int, item: int, message: str) -> None:
    world = shared_world(2)
    history = world.interactions.histories(np.array([0]), 10)
    with pytest.raises(ValueError, match=message):
        explain(world, user, item, history, np.random.default_rng(0))


def test_shared_tastes_are_of_the_candidates_keywords_and_what_anybody_thinks_is_none() -> None:
    world = shared_world(1)
    sets = {"pro": world.knowledge.pro.toarray(), "con": world.knowledge.con.toarray()}
    column = {keyword: place for place, keyword in enumerate(world.knowledge.keywords)}
    some = [explained(1, user, item) for user, item in PAIRS]
    for explanation in some:
        tastes = explanation.grounds.shared_tastes
        assert all(sets[taste.side][explanation.item, column[taste.keyword]] for taste in tastes)
        assert len(tastes) <= 3
        assert all((f"{taste.side} “{taste.keyword}” ({taste.effect:+.2f})" in explanation.why()) for taste in tastes)
    assert any(explanation.grounds.shared_tastes for explanation in some)
    nobody = Histories(np.array([[NO_ITEM]]), np.array([[False]]))
    assert explain(world, 0, 3, nobody, np.random.default_rng(0)).grounds.shared_tastes == ()
