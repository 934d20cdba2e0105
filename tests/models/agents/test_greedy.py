from __future__ import annotations

import numpy as np
import pytest

from models.agents.greedy import GreedyEnsemblePolicy, GreedyPolicy, expected_vote
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from tests.support.planted_worlds import NEW_AND_LIKED, planted_world
from tests.support.worlds import tiny_world


def test_the_expected_vote_counts_a_tie_as_its_coin() -> None:
    keywords, similarity = (np.array(row, dtype=np.float32) for row in ([1, 1, 0.5, 0.5, 0], [1, 0, 0.5, 1, 0.5]))
    assert expected_vote(keywords, similarity, np.zeros(5, dtype=bool)).tolist() == [1, 0, 0.25, 0.5, 0]
    assert expected_vote(keywords, similarity, np.ones(5, dtype=bool)).tolist() == [1, 1, 0.75, 1, 0.5]


def test_it_recommends_what_is_liked() -> None:
    world = planted_world()
    sessions = Sessions(world, EnvironmentSettings(), range(4))
    greedy = GreedyPolicy()
    assert np.isin(greedy.top_k(sessions, 10), NEW_AND_LIKED).all()
    for _ in range(10):
        assert sessions.step(greedy.actions(sessions)).rewards.all()


def test_the_upper_line_by_probability_asks_the_simulator_for_every_open_pair() -> None:
    world = tiny_world(1)
    sessions = Sessions(world, EnvironmentSettings(catalogue_size=6), range(5))
    scores = GreedyEnsemblePolicy().scores(sessions)
    for row in range(5):
        assert np.all(scores[row, sessions.seen[row]] == -np.inf)
        for action in np.flatnonzero(~sessions.seen[row]):
            item = sessions.catalogue[action]
            alone = world.respond(
                sessions.users[[row]], np.array([item]), sessions.histories[row : row + 1], np.zeros((1, 3))
            )
            assert scores[row, action] == pytest.approx(float(alone.probability[0]), abs=1e-5)


def test_the_upper_line_by_vote_weighs_the_evidence_that_the_simulator_gives() -> None:
    world = tiny_world(1)
    sessions = Sessions(world, EnvironmentSettings(catalogue_size=6), range(5))
    scores = GreedyPolicy().scores(sessions)
    rows, actions = np.nonzero(~sessions.seen)
    responses = world.respond(
        sessions.users[rows], sessions.catalogue[actions], sessions.histories[rows], np.zeros((len(rows), 3))
    )
    votes = expected_vote(
        responses.keyword_evidence.values(), responses.similarity_evidence.values(), responses.votes[:, 2] > 0
    )
    np.testing.assert_allclose(scores[rows, actions], votes + 0.01 * responses.sasrec_probability, atol=1e-6)
