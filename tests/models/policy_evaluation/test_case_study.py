"""A case study is one session as the environment plays it, with every reaction explained."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.agents.policies import PopularityPolicy
from models.explanation.explainer import explain
from models.interactions import Histories, Interactions
from models.policy_evaluation.case_study import CaseStudy, CaseStudyPlan, play_case_study, typical_user
from models.simulation.simulator import UserSimulator
from tests.support.planted_worlds import by_vote
from tests.support.worlds import tiny_world

USER = 3


def played(world: UserSimulator, length: int = 4) -> CaseStudy:
    plan = CaseStudyPlan(USER, "Ada", length, 7, by_vote())
    return play_case_study(world, PopularityPolicy(), "popularity", plan)


def test_each_reaction_is_explained_by_the_history_before_it() -> None:
    world = tiny_world(1)
    study = played(world)
    history = world.interactions.histories(np.array([USER]), 100)
    items, likes, ratings = history.items[0].tolist(), history.likes[0].tolist(), history.ratings[0].tolist()
    for recommendation in study.recommendations:
        told = recommendation.explanation
        known = Histories(np.array([items]), np.array([likes]), np.array([ratings], dtype=np.float32))
        alone = explain(world, USER, told.item, known, np.random.default_rng(0))
        assert told.keyword_matching.pros == alone.keyword_matching.pros
        assert told.similarity.nearest_liked == alone.similarity.nearest_liked
        assert told.probability == pytest.approx(alone.probability, abs=1e-6)
        assert told.item not in items, "only what the user has not seen is recommended"
        items, likes, ratings = [*items, told.item], [*likes, told.like], [*ratings, float("nan")]
        assert recommendation.reward == told.like
        assert (recommendation.history_size, recommendation.history_likes) == (
            len(items[-world.max_history :]),
            sum(likes[-world.max_history :]),
        )


def test_the_same_plan_gives_the_same_session() -> None:
    assert played(tiny_world(2)) == played(tiny_world(2))


def test_a_session_ends_when_the_user_has_seen_everything() -> None:
    study = played(tiny_world(3), length=40)
    assert len(study.before) + len(study.recommendations) == 15
    assert not any(recommendation.repeated for recommendation in study.recommendations)


def test_a_case_study_is_json_with_running_totals() -> None:
    study = played(tiny_world(4), length=6)
    value = json.loads(json.dumps(study.to_json(), allow_nan=False))
    assert [step["step"] for step in value["recommendations"]] == [1, 2, 3, 4, 5, 6]
    assert value["recommendations"][-1]["total_reward"] == sum(step["reward"] for step in value["recommendations"])
    assert value["history"]["likes"] + value["history"]["dislikes"] == len(study.before)
    assert value["history"]["latest"][-1]["name"] == study.before[-1][0]
    assert value["user_name"] == "Ada"


def test_the_typical_user_has_likes_and_dislikes_and_a_history_of_middling_length() -> None:
    likes = [True] * 9 + [True] * 3 + [False] * 3 + [True] * 4 + [False] * 4 + [True] * 20 + [False] * 20
    users = [0] * 9 + [1] * 6 + [2] * 8 + [3] * 40
    interactions = Interactions(
        np.array(users), np.arange(len(users)), np.array(likes), np.ones(len(users), np.float32), 5, len(users)
    )
    assert typical_user(interactions) == 2


def test_a_case_study_of_nobody_is_refused() -> None:
    empty = Interactions(
        np.array([], int), np.array([], int), np.array([], bool), np.array([], np.float32), n_users=2, n_items=1
    )
    with pytest.raises(ValueError, match="found none"):
        typical_user(empty)
