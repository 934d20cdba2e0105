from __future__ import annotations

import numpy as np

from models.agents.policies import SASRecPolicy
from models.policy_evaluation.episodes import play_episodes
from models.policy_evaluation.values import evaluate_policy
from models.simulation.session import Sessions
from tests.support.planted_worlds import by_vote
from tests.support.worlds import tiny_world

WORLD, SHORT = tiny_world(0), by_vote(end_probability=0.2)


def test_the_episodes_are_those_of_the_evaluation() -> None:
    log = play_episodes(SASRecPolicy(), WORLD, SHORT, episodes=150, seed=4)
    evaluation = evaluate_policy(SASRecPolicy(), WORLD, SHORT, episodes=150, seed=4)
    np.testing.assert_allclose(np.bincount(log.episodes, log.rewards), evaluation.returns)
    np.testing.assert_array_equal(log.users[log.steps == 0], evaluation.users)
    np.testing.assert_array_equal(np.bincount(log.episodes), evaluation.counts.sum(axis=1))


def test_steps_are_in_order_and_only_the_last_ends() -> None:
    log = play_episodes(SASRecPolicy(), WORLD, SHORT, episodes=40, seed=0)
    first = np.flatnonzero(log.steps == 0)
    last = np.append(first[1:], len(log)) - 1
    assert np.all((np.diff(log.steps) == 1) | (log.steps[1:] == 0))
    ended = np.flatnonzero(log.terminated | log.truncated)
    np.testing.assert_array_equal(ended, last)
    np.testing.assert_array_equal(log.likes, log.votes.sum(axis=1) >= 2)


def test_observations_can_be_replayed() -> None:
    log = play_episodes(SASRecPolicy(), WORLD, SHORT, episodes=10, seed=0, observations=True)
    assert len(log.observations["user"]) == len(log) + 10
    seed = int(np.random.SeedSequence(0).generate_state(10, np.uint64)[7])
    sessions = Sessions(WORLD, SHORT, [seed])
    start = int(np.flatnonzero((log.episodes == 7) & (log.steps == 0))[0])
    for step in range(int((log.episodes == 7).sum()) + 1):
        for name, values in sessions.observations().items():
            np.testing.assert_allclose(log.observations[name][start + 7 + step], values[0], atol=1e-5)
        if start + step < len(log):
            sessions.step(log.actions[[start + step]])
