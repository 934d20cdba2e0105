from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.agents.policies import RandomPolicy
from models.agents.settings import AgentSettings
from models.agents.training import train_agent
from models.interactions import Interactions
from models.policy_evaluation.values import evaluate_policy
from models.simulation.patience import RECENT, Patience, Steps, step_features
from models.simulation.session import Sessions
from models.simulation.simulator import UserSimulator
from tests.support.planted_worlds import N_RATED, by_vote, planted_world
from tests.support.worlds import tiny_world

MINUTE = 60
LEARNED = by_vote(session_end="learned")


def rows(users: list[int], likes: list[bool]) -> Interactions:
    n = len(users)
    return Interactions(
        np.array(users), np.arange(n), np.array(likes), np.ones(n, dtype=np.float32), max(users) + 1, max(n, 1)
    )


def leavers(n_users: int, seed: int) -> tuple[Interactions, NDArray[np.int64]]:
    """Users who leave after a dislike with probability 0.6, after a like with 0.1, and come back a day later."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), 20)
    likes = rng.random(len(users)) < 0.6
    left = rng.random(len(users)) < np.where(likes, 0.1, 0.6)
    times = np.cumsum(np.where(np.concatenate([[False], left[:-1]]), 24 * 60 * MINUTE, MINUTE))
    n = len(users)
    return Interactions(users, np.arange(n), likes, np.ones(n, dtype=np.float32), n_users, n), times


def test_a_session_ends_where_the_next_interaction_comes_later_than_the_gap() -> None:
    interactions = rows([0, 0, 0, 0, 1, 1], [True, False, False, True, False, True])
    minutes = np.array([0, 10, 100, 110, 0, 29])
    steps = Steps.of(interactions, minutes * MINUTE, 30 * MINUTE, np.ones(6, dtype=bool))
    assert steps.users.tolist() == [0, 0, 0, 1]  # what came after a user's last row is not known
    assert steps.ended.tolist() == [False, True, False, False]
    np.testing.assert_allclose(np.exp(steps.features[:, 0]), [1, 2, 1, 1], rtol=1e-6)
    assert steps.features[:, 2].tolist() == [1, 0, 0, 0]  # the last reaction
    np.testing.assert_allclose(steps.features[:, 3], [1, 1 / 2, 1 / 3, 0], rtol=1e-6)  # likes of the last five
    assert steps.features[:, 4].tolist() == [0, 1, 2, 1]  # dislikes in a row, of the session before as well


def test_only_steps_that_lead_to_counted_rows_count() -> None:
    interactions = rows([0, 0, 0], [True, True, True])
    steps = Steps.of(interactions, np.array([0, 10, 10_000]), 30 * MINUTE, np.array([True, True, False]))
    assert steps.ended.tolist() == [False]


def test_reactions_more_than_five_ago_are_forgotten() -> None:
    interactions = rows([0] * 8, [False] * 8)
    steps = Steps.of(interactions, np.arange(8), 30 * MINUTE, np.ones(8, dtype=bool))
    assert steps.features[:, 4].tolist() == [1, 2, 3, 4, 5, 5, 5]


def test_a_planted_hazard_is_found_and_beats_the_constant_one() -> None:
    interactions, times = leavers(300, seed=0)
    train = np.arange(len(interactions)) % 20 < 16
    of_train, held_out = (Steps.of(interactions, times, 30 * MINUTE, part) for part in (train, ~train))
    patience = Patience.fit(of_train)
    known = np.ones((2, RECENT), dtype=bool)
    likes = np.array([[True, True, False, True, True], [False, True, False, True, True]])
    after_like, after_dislike = patience.chances(np.array([3, 3]), likes, known)
    assert after_like == pytest.approx(0.1, abs=0.05)
    assert after_dislike == pytest.approx(0.6, abs=0.1)
    fit = patience.assess(of_train, held_out)
    assert fit.log_loss is not None
    assert fit.constant_log_loss is not None
    assert fit.difference_ci95 is not None
    assert fit.difference_ci95[0] > 0.05
    assert fit.constant == pytest.approx(of_train.ended.mean())
    low, high = fit.difference_ci95
    assert low < fit.constant_log_loss - fit.log_loss < high


def test_a_hazard_that_does_not_depend_on_anything_gains_nothing() -> None:
    interactions, times = leavers(300, seed=0)
    times = np.cumsum(np.where(np.random.default_rng(1).random(len(times)) < 0.2, 24 * 60 * MINUTE, MINUTE))
    train = np.arange(len(interactions)) % 20 < 16
    of_train, held_out = (Steps.of(interactions, times, 30 * MINUTE, part) for part in (train, ~train))
    low, high = Patience.fit(of_train).assess(of_train, held_out).difference_ci95 or (1, 1)
    assert low < 0.002
    assert abs(high) < 0.01


def test_too_few_ends_are_refused() -> None:
    interactions = rows([0] * 100, [True] * 100)
    steps = Steps.of(interactions, np.arange(100) * MINUTE, 30 * MINUTE, np.ones(100, dtype=bool))
    with pytest.raises(ValueError, match="0 end a session; a hazard needs 30"):
        Patience.fit(steps)


@pytest.fixture(scope="module")
def patience() -> Patience:
    interactions, times = leavers(200, seed=3)
    return Patience.fit(Steps.of(interactions, times, 30 * MINUTE, np.ones(len(interactions), dtype=bool)))


def patient(world: UserSimulator, patience: Patience) -> UserSimulator:
    return UserSimulator(
        world.knowledge, world.interactions, world.models, world.ensemble, world.max_history, patience=patience
    )


def test_sessions_of_an_audience_without_patience_cannot_end_by_it() -> None:
    with pytest.raises(ValueError, match="set session_end to constant"):
        Sessions(tiny_world(0), LEARNED, [0])


def test_disappointed_users_leave_sooner(patience: Patience) -> None:
    world = patient(planted_world(), patience)
    n = 600
    kept, left = 0, 0
    for action, good in ((N_RATED, True), (world.n_items - 1, False)):
        outcome = Sessions(world, LEARNED, range(n)).step(np.full(n, action))
        assert (outcome.responses.like == good).all()
        ended = int(outcome.terminated.sum())
        kept, left = (kept, ended) if not good else (ended, left)
    assert kept / n == pytest.approx(0.1, abs=0.06)
    assert left > 2 * kept


def test_the_chance_rests_on_the_steps_and_the_last_five_reactions(patience: Patience) -> None:
    world = patient(tiny_world(0), patience)
    settings = LEARNED.model_copy(update={"known_items": "allow", "repeats": "allow", "max_history": 7})
    sessions = Sessions(world, settings, range(40))
    rng = np.random.default_rng(0)
    for step in range(1, 9):
        outcome = sessions.step(rng.integers(world.n_items, size=40))
        numbers = sessions.end_chances()
        for row in range(40):
            history = sessions.histories[np.array([row])]
            latest = history.likes[0][history.mask[0]][::-1][:RECENT]
            likes, known = np.zeros((1, RECENT), dtype=bool), np.zeros((1, RECENT), dtype=bool)
            likes[0, : len(latest)], known[0, : len(latest)] = latest, True
            expected = patience.hazard.probabilities(step_features(np.array([step]), likes, known))[0]
            assert numbers[row] == pytest.approx(expected, abs=1e-6)
        assert outcome.terminated.shape == (40,)


def test_a_learned_session_is_the_same_alone_and_in_a_batch(patience: Patience) -> None:
    world = patient(tiny_world(0), patience)
    batch, alone = Sessions(world, LEARNED, range(6)), Sessions(world, LEARNED, [4])
    actions = np.random.default_rng(0).integers(world.n_items, size=(60, 6))
    for row in actions:
        a, b = batch.step(row), alone.step(row[4:5])
        assert a.terminated[4] == b.terminated[0]
        batch.begin(np.flatnonzero(a.done))
        alone.begin(np.flatnonzero(b.done))
        assert batch.users[4] == alone.users[0]


def test_an_agent_can_be_trained_on_users_with_patience(patience: Patience) -> None:
    world = patient(planted_world(), patience)
    settings = AgentSettings(steps=3000, n_envs=16, hidden=16, threads=1)
    agent = train_agent(world, LEARNED, settings, "a2c", seed=0)
    learned = evaluate_policy(agent.policy, world, LEARNED, episodes=100, seed=5).metrics()
    random = evaluate_policy(RandomPolicy(0), world, LEARNED, episodes=100, seed=5).metrics()
    # Likes keep users, so the reward of a good policy grows by more than its share of likes.
    assert learned["average_reward"] > 2.5 * random["average_reward"]
    assert max(reward for _, reward in agent.learning_curve) > 2 * random["average_reward"]
