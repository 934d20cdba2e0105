from __future__ import annotations

import numpy as np
import pytest

from models.agents.greedy import (
    GreedyAskingPolicy,
    GreedyEnsemblePolicy,
    GreedyPolicy,
    expected_vote,
    greedy_policy,
)
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from tests.support.planted_worlds import NEW_AND_LIKED, planted_world
from tests.support.worlds import tiny_world


@pytest.mark.parametrize("catalogue_size", [None, 6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_its_evidence_is_the_simulators(seed: int, catalogue_size: int | None) -> None:
    world = tiny_world(seed)
    sessions = SessionBatch(world, EnvironmentSettings(catalogue_size=catalogue_size), range(70))
    rng = np.random.default_rng(0)
    for _ in range(3):
        sessions.step(rng.integers(sessions.n_actions, size=70))
    keywords, similarity = GreedyPolicy(world, catalogue_size).evidence(sessions.histories)
    rows = np.repeat(np.arange(70), sessions.n_actions)
    items = np.tile(sessions.catalogue, 70)
    expected = world.respond(sessions.users[rows], items, sessions.histories[rows], rng)
    np.testing.assert_array_equal(keywords.positive.ravel(), expected.keyword_evidence.positive)
    np.testing.assert_array_equal(keywords.negative.ravel(), expected.keyword_evidence.negative)
    np.testing.assert_allclose(similarity.positive.ravel(), expected.similarity_evidence.positive, atol=1e-6)
    np.testing.assert_allclose(similarity.negative.ravel(), expected.similarity_evidence.negative, atol=1e-6)


def test_the_expected_vote_counts_a_tie_as_its_coin() -> None:
    keywords, similarity = (np.array(row, dtype=np.float32) for row in ([1, 1, 0.5, 0.5, 0], [1, 0, 0.5, 1, 0.5]))
    assert expected_vote(keywords, similarity, np.zeros(5, dtype=bool)).tolist() == [1, 0, 0.25, 0.5, 0]
    assert expected_vote(keywords, similarity, np.ones(5, dtype=bool)).tolist() == [1, 1, 0.75, 1, 0.5]


def test_it_recommends_what_is_liked() -> None:
    world = planted_world()
    sessions = SessionBatch(world, EnvironmentSettings(), range(4))
    greedy = GreedyPolicy(world, None)
    assert np.isin(greedy.top_k(sessions, 10), NEW_AND_LIKED).all()
    for _ in range(10):
        assert sessions.step(greedy.actions(sessions)).rewards.all()


def test_the_upper_line_by_probability_asks_the_simulator_for_every_open_pair() -> None:
    world = tiny_world(1)
    sessions = SessionBatch(world, EnvironmentSettings(catalogue_size=6), range(5))
    scores = GreedyEnsemblePolicy().scores(sessions)
    for row in range(5):
        assert np.all(scores[row, sessions.seen[row]] == -np.inf)
        for action in np.flatnonzero(~sessions.seen[row]):
            item = sessions.catalogue[action]
            alone = world.respond(
                sessions.users[[row]], np.array([item]), sessions.histories[row : row + 1], np.random.default_rng(0)
            )
            assert scores[row, action] == pytest.approx(float(alone.probability[0]), abs=1e-5)


def test_large_catalogues_have_no_tables_of_all_pairs_and_the_same_upper_line() -> None:
    world, rules = tiny_world(1), EnvironmentSettings(actions="embedding", embedding_size=6, catalogue_size=None)
    tabled, asking = greedy_policy(world, rules, most=15 * 15), greedy_policy(world, rules, most=15 * 15 - 1)
    assert (type(tabled), type(asking)) == (GreedyPolicy, GreedyAskingPolicy)
    sessions = SessionBatch(world, rules, range(30))
    for _ in range(3):
        expected = np.where(sessions.seen, -np.inf, tabled.scores(sessions))
        np.testing.assert_allclose(asking.scores(sessions), expected, atol=1e-5)
        sessions.step(asking.actions(sessions))
