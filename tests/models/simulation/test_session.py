from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.environments.gym import observation_bounds
from models.interactions import NO_ITEM
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import UserSimulator
from models.simulation.state import STATE_BOUND
from tests.support.planted_worlds import N_ITEMS, N_RATED, NEW_AND_LIKED, by_vote, planted_world
from tests.support.worlds import MAX_HISTORY, tiny_world

BY_VOTE = by_vote()
GOOD, BAD = int(NEW_AND_LIKED[0]), N_ITEMS - 1


@pytest.fixture(scope="module")
def planted() -> UserSimulator:
    return planted_world()


def test_a_like_earns_one_and_a_dislike_nothing(planted: UserSimulator) -> None:
    sessions = Sessions(planted, BY_VOTE, [1, 2])
    result = sessions.step(np.array([GOOD, BAD]))
    assert result.rewards.tolist() == [1, 0]
    assert result.items.tolist() == [GOOD, BAD]


def test_a_reaction_joins_the_history(planted: UserSimulator) -> None:
    sessions = Sessions(planted, BY_VOTE, [1, 2])
    sessions.step(np.array([GOOD, BAD]))
    history = sessions.histories
    assert history.items[:, N_RATED].tolist() == [GOOD, BAD]
    assert history.likes[:, N_RATED].tolist() == [True, False]


def test_a_full_history_forgets_its_oldest() -> None:
    forgetful = planted_world()
    forgetful.max_history = 3
    sessions = Sessions(forgetful, BY_VOTE, [1])
    assert sessions.histories.items.tolist() == [[5, 6, 7]]
    sessions.step(np.array([GOOD]))
    sessions.step(np.array([BAD]))
    assert sessions.histories.items.tolist() == [[7, GOOD, BAD]]
    assert sessions.histories.likes.tolist() == [[False, True, False]]


def test_histories_grow_as_sessions_do_up_to_what_is_remembered() -> None:
    world = tiny_world(3)
    settings = by_vote(repeats="allow", known_items="allow", end_probability=1e-9)
    sessions, rng = Sessions(world, settings, range(5)), np.random.default_rng(0)
    known = [
        history[mask].tolist() for history, mask in zip(sessions.histories.items, sessions.histories.mask, strict=True)
    ]
    for _ in range(2 * MAX_HISTORY):
        actions = rng.integers(sessions.n_actions, size=len(sessions))
        sessions.step(actions)
        known = [
            [*before, int(item)][-MAX_HISTORY:] for before, item in zip(known, sessions.catalogue[actions], strict=True)
        ]
        histories = sessions.histories
        assert [items[mask].tolist() for items, mask in zip(histories.items, histories.mask, strict=True)] == known
    assert sessions.histories.items.shape == (5, MAX_HISTORY)


@pytest.mark.parametrize(("repeats", "second"), [("penalise", 0.0), ("allow", 1.0)])
def test_a_repeated_recommendation_earns_nothing_unless_allowed(
    planted: UserSimulator, repeats: str, second: float
) -> None:
    settings = by_vote(**{"repeats": repeats, "seen_items": "penalise"})
    sessions = Sessions(planted, settings, [1])
    assert sessions.step(np.array([GOOD])).rewards[0] == 1
    result = sessions.step(np.array([GOOD]))
    assert result.rewards[0] == second
    assert result.repeated[0] == (repeats == "penalise")
    assert sessions.histories.mask.sum() == N_RATED + (1 if repeats == "penalise" else 2)


@pytest.mark.parametrize(("known_items", "earned"), [("penalise", 0.0), ("allow", 1.0)])
def test_a_known_item_earns_nothing_unless_allowed(planted: UserSimulator, known_items: str, earned: float) -> None:
    settings = by_vote(known_items=known_items, seen_items="penalise")
    sessions = Sessions(planted, settings, [1])
    assert sessions.seen.sum() == (N_RATED if known_items == "penalise" else 0)
    assert sessions.step(np.array([0])).rewards[0] == earned


def test_known_items_are_those_of_the_whole_training_history() -> None:
    world = tiny_world(0)
    sessions = Sessions(world, by_vote(), range(30))
    for user, seen in zip(sessions.users, sessions.seen, strict=True):
        known = world.interactions.items[world.interactions.users == user]
        assert set(sessions.catalogue[seen]) == set(known)


def test_sessions_end_at_the_set_rate() -> None:
    sessions = Sessions(tiny_world(0), by_vote(max_steps=10_000), range(64))
    ended = [sessions.step(np.zeros(64, dtype=np.int64)).terminated for _ in range(200)]
    assert np.mean(ended) == pytest.approx(0.025, abs=0.004)  # four standard errors of 12,800 coins are 0.0055


def test_a_session_is_cut_off_after_max_steps(planted: UserSimulator) -> None:
    sessions = Sessions(planted, by_vote(max_steps=3, end_probability=1e-9), [1])
    results = [sessions.step(np.array([GOOD + step])) for step in range(3)]
    assert [result.truncated[0] for result in results] == [False, False, True]
    assert not any(result.terminated[0] for result in results)


def test_users_are_drawn_from_all() -> None:
    world = tiny_world(0)
    sessions = Sessions(world, by_vote(), range(400))
    assert set(sessions.users) == set(range(world.n_users))


def test_the_catalogue_is_cut_to_the_most_rated_items() -> None:
    world = tiny_world(0)
    counts = np.bincount(world.interactions.items, minlength=world.n_items)
    chosen = catalogue(world, 5)
    assert len(chosen) == 5
    assert np.all(np.diff(chosen) > 0)
    assert counts[chosen].min() >= np.delete(counts, chosen).max()
    assert catalogue(world, None).tolist() == list(range(world.n_items))


def trajectory(sessions: Sessions, row: int, actions: NDArray[np.int64]) -> list[tuple[float, ...]]:
    steps = []
    for step_actions in actions:
        result = sessions.step(step_actions)
        steps.append((result.items[row], result.rewards[row], *result.responses.votes[row], result.terminated[row]))
        sessions.begin(np.flatnonzero(result.done))
        steps.append((sessions.users[row],))
    return steps


@pytest.mark.parametrize("reaction", ["vote", "draw"])
def test_a_session_is_the_same_alone_and_in_a_batch(reaction: str) -> None:
    world = tiny_world(0)
    settings = EnvironmentSettings.model_validate({"reaction": reaction, "reward": "reaction", "end_probability": 0.1})
    actions = np.random.default_rng(0).integers(world.n_items, size=(100, 6))
    batch, alone = Sessions(world, settings, range(6)), Sessions(world, settings, [4])
    assert trajectory(batch, 4, actions) == trajectory(alone, 0, actions[:, 4:5])


def test_users_and_ends_do_not_depend_on_the_actions() -> None:
    world, settings = tiny_world(0), by_vote(end_probability=0.1)
    first, second = (Sessions(world, settings, range(5)) for _ in range(2))
    for _ in range(60):
        a, b = first.step(np.zeros(5, dtype=np.int64)), second.step(np.full(5, 9))
        np.testing.assert_array_equal(a.terminated, b.terminated)
        for sessions in (first, second):
            sessions.begin(np.flatnonzero(a.done))
        np.testing.assert_array_equal(first.users, second.users)


def test_keep_goes_on_with_the_chosen_sessions() -> None:
    world, settings = tiny_world(0), by_vote()
    kept, reference = Sessions(world, settings, [3, 4, 5]), Sessions(world, settings, [5, 3])
    kept.keep(np.array([2, 0]))
    for action in range(5):
        a, b = (sessions.step(np.array([action, action + 1])) for sessions in (kept, reference))
        np.testing.assert_array_equal(a.responses.votes, b.responses.votes)
        np.testing.assert_array_equal(a.terminated, b.terminated)


def test_observations_describe_the_running_session(planted: UserSimulator) -> None:
    sessions = Sessions(planted, by_vote(max_steps=10, end_probability=1e-9), [1])
    sessions.step(np.array([GOOD]))
    sessions.step(np.array([BAD]))
    observation = sessions.observations()
    # mean reward, last reward, steps of 10, likes (4 + 1 of 10), filled 10 of 8 + 10
    np.testing.assert_allclose(observation["user"][0, -5:], [0.5, 0, 0.2, 0.5, 10 / 18])
    np.testing.assert_allclose(observation["user"][:, :-5], planted.sasrec.states(sessions.histories), rtol=1e-5)
    assert np.flatnonzero(observation["seen"][0]).tolist() == [*range(N_RATED), GOOD, BAD]
    low, high = observation_bounds(sessions)
    assert np.all((low <= observation["user"]) & (observation["user"] <= high))


def test_states_are_those_of_the_histories_where_some_did_not_change() -> None:
    world, b = tiny_world(0), 40
    sessions = Sessions(world, by_vote(known_items="allow", seen_items="penalise"), range(b))
    for action, n_repeating in ((1, 0), (2, 1), (3, 20), (4, b)):  # nothing changes for those who saw the item before
        sessions.observations()
        result = sessions.step(np.where(np.arange(b) < n_repeating, 1, action))
        assert result.repeated.sum() == n_repeating
        states = np.clip(world.sasrec.states(sessions.histories), -STATE_BOUND, STATE_BOUND)
        np.testing.assert_array_equal(sessions.observations()["user"][:, : states.shape[1]], states)


def test_padding_is_never_an_item(planted: UserSimulator) -> None:
    sessions = Sessions(planted, by_vote(seen_items="penalise"), [1, 2])
    sessions.step(np.array([0, GOOD]))  # 0 is known, so only the second history grows
    assert sessions.histories.items[0, -1] == NO_ITEM
    assert not sessions.histories.likes[0, -1]
