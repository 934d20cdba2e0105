"""Every action space on the three faces: the same sessions, the same trajectories, the checkers' approval."""

from __future__ import annotations

import warnings
from typing import Literal

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_for_gymnasium
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines

from models.environments.gym import RecommendEnv
from models.environments.gym_vector import RecommendVectorEnv
from models.environments.sb3 import SessionVecEnv
from models.interactions import NO_ITEM
from models.simulation.item_space import ItemSpace
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.step_result import StepResult, choice_chances, choose, first_mentions
from tests.support.planted_worlds import N_ITEMS, NEW_AND_LIKED, by_vote, planted_world
from tests.support.worlds import tiny_world

Actions = Literal["catalogue", "candidates", "embedding", "slate"]
SPACES: tuple[Actions, ...] = ("catalogue", "candidates", "embedding", "slate")
N = 4


def rules(actions: Actions, **changes: object) -> EnvironmentSettings:
    small = {"candidates": 6, "slate_size": 3, "embedding_size": 8, "candidate_exploration": 0.3}
    return by_vote(**{"actions": actions, "end_probability": 0.1, "max_steps": 20, **small, **changes})


@pytest.mark.parametrize("actions", SPACES)
@pytest.mark.parametrize("seen_items", ["penalise", "mask"])
def test_the_checkers_of_gymnasium_and_stable_baselines_pass_without_a_warning(
    actions: Actions, seen_items: str
) -> None:
    world, settings = tiny_world(0), rules(actions, seen_items=seen_items, seen_penalty=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_for_gymnasium(RecommendEnv(world, settings), skip_render_check=True)
        check_for_stable_baselines(RecommendEnv(world, settings))


def sampled(space: gymnasium.Space, seed: int, steps: int) -> list[NDArray[np.number]]:  # type: ignore[type-arg]
    space.seed(seed)
    return [np.stack([np.asarray(space.sample()) for _ in range(N)]) for _ in range(steps)]


def _act(sessions: Sessions, actions: NDArray[np.number]) -> StepResult:
    """A step by actions of the action space."""
    return sessions.step(sessions.action_space.resolve(sessions, actions))


@pytest.mark.parametrize("actions", SPACES)
@pytest.mark.parametrize("seen_items", ["penalise", "mask"])
def test_the_same_seeds_give_the_same_trajectories_on_all_three_faces(actions: Actions, seen_items: str) -> None:
    world, settings = tiny_world(0), rules(actions, seen_items=seen_items, seen_penalty=0.5)
    single, vector = RecommendEnv(world, settings), RecommendVectorEnv(N, simulator=world, settings=settings)
    of_sb3, row, ended = SessionVecEnv(world, settings, N, seed=30), 2, 0
    observation, _ = single.reset(seed=32)
    observations, _ = vector.reset(seed=30)
    expected = of_sb3.reset()
    assert isinstance(expected, dict)
    for chosen in sampled(single.action_space, 5, 80):
        assert observation.keys() == observations.keys() == expected.keys()
        for name in observation:
            np.testing.assert_array_equal(observations[name], expected[name])
            np.testing.assert_allclose(observation[name], expected[name][row], atol=1e-5)
        observation, reward, terminated, truncated, info = single.step(chosen[row])
        observations, rewards, ends, cuts, infos = vector.step(chosen)
        expected, sb3_rewards, dones, details = of_sb3.step(chosen)
        assert isinstance(expected, dict)
        np.testing.assert_array_equal(rewards, sb3_rewards)
        np.testing.assert_array_equal(ends | cuts, dones)
        assert (reward, terminated or truncated) == (pytest.approx(rewards[row]), dones[row])
        for name in ("item", "like", "repeated"):
            assert info[name] == details[row][name] == infos[name][row]  # type: ignore[index]  # an array
        np.testing.assert_array_equal(info["votes"], details[row]["votes"])
        if actions == "slate":
            np.testing.assert_array_equal(info["slate"], infos["slate"][row])  # type: ignore[index]
            assert info["choice"] == details[row]["choice"]
        if dones[row]:
            ended += 1
            observation, _ = single.reset()
    assert ended > 0


@pytest.mark.parametrize("actions", SPACES)
def test_stable_baselines_own_policy_trains_on_it(actions: Actions) -> None:
    env = SessionVecEnv(tiny_world(0), rules(actions), N, seed=0)
    model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0)
    assert model.learn(128).num_timesteps == 128


@pytest.mark.parametrize("actions", ["catalogue", "candidates", "slate"])
def test_masks_name_what_earns_something(actions: Actions) -> None:
    world, settings = tiny_world(0), rules(actions)
    env, single = SessionVecEnv(world, settings, N, seed=3), RecommendEnv(world, settings)
    env.reset()
    single.reset(seed=4)
    masks = np.stack(env.env_method("action_masks"))  # type: ignore[arg-type]
    np.testing.assert_array_equal(masks[1], single.action_masks())
    assert env.has_attr("action_masks")
    sessions = env.sessions
    if actions == "catalogue":
        np.testing.assert_array_equal(masks, ~sessions.seen)
    else:
        offered_and_new = ~np.take_along_axis(sessions.seen, sessions.offered, axis=1)
        for part in np.split(masks, masks.shape[1] // 6, axis=1):
            np.testing.assert_array_equal(part, offered_and_new)


def test_a_masked_item_gives_way_to_the_next_open_one() -> None:
    world = planted_world()  # items 0 to 7 are known to everybody
    sessions = Sessions(world, by_vote(), [1, 2])
    result = sessions.step(np.array([3, N_ITEMS - 1]))
    assert result.items.tolist() == [8, N_ITEMS - 1]
    assert not result.repeated.any()
    assert result.invalid.tolist() == [True, False]
    assert result.actions.tolist() == result.shown[:, 0].tolist() == result.items.tolist()
    assert sessions.step(np.array([N_ITEMS - 1, N_ITEMS - 1])).items.tolist() == [N_ITEMS - 1, 8]  # round the end


def test_a_repeated_item_may_cost_something() -> None:
    sessions = Sessions(planted_world(), by_vote(seen_items="penalise", seen_penalty=0.25), [1, 2])
    result = sessions.step(np.array([0, int(NEW_AND_LIKED[0])]))
    assert result.rewards.tolist() == [-0.25, 1]


def test_candidates_are_new_and_the_nearest_by_plain_arithmetic() -> None:
    world = tiny_world(2)
    settings = rules("candidates", candidate_exploration=0.0, candidates=3)
    sessions = Sessions(world, settings, range(30))
    scores = sessions.user_vectors().astype(np.float64) @ sessions.item_space.vectors.T.astype(np.float64)
    for row in range(30):
        new = np.flatnonzero(~sessions.seen[row])
        best = new[np.argsort(-scores[row, new], kind="stable")][:3]
        np.testing.assert_allclose(scores[row, sessions.offered[row]], scores[row, best], atol=1e-6)


def test_candidates_are_distinct_and_old_ones_fill_up_only_where_new_ones_run_out() -> None:
    world = tiny_world(0)
    sessions = Sessions(world, rules("candidates", candidates=9), range(20))
    for step in range(8):
        for row in range(20):
            offered, new = sessions.offered[row], np.flatnonzero(~sessions.seen[row])
            assert len(set(offered.tolist())) == 9
            assert len(set(offered) & set(new)) == min(9, len(new))
        _act(sessions, np.full(20, step % 3))


def test_exploration_offers_every_item_sooner_or_later() -> None:
    settings = rules("candidates", candidates=4, candidate_exploration=0.25, repeats="allow", known_items="allow")
    sessions = Sessions(tiny_world(0), settings, range(40))
    offered = set()
    for _ in range(15):
        offered |= set(sessions.offered[:, -1].tolist())
        _act(sessions, np.zeros(40, dtype=np.int64))
    assert offered == set(range(sessions.n_actions))


def test_the_nearest_item_is_recommended_and_never_a_seen_one() -> None:
    world = tiny_world(1)
    sessions = Sessions(world, rules("embedding"), range(12))
    points = sessions.item_space.vectors[np.arange(12) % sessions.n_actions]
    closed = sessions.seen.copy()
    result = _act(sessions, points)
    scores = np.where(closed, -np.inf, points.astype(np.float64) @ sessions.item_space.vectors.T.astype(np.float64))
    np.testing.assert_allclose(scores[np.arange(12), result.actions], scores.max(axis=1), atol=1e-6)
    assert not result.repeated.any()


def test_a_users_vector_does_not_depend_on_the_batch() -> None:
    world = tiny_world(0)
    batch, alone = Sessions(world, rules("candidates"), range(9)), Sessions(world, rules("candidates"), [7])
    np.testing.assert_array_equal(batch.user_vectors()[7], alone.user_vectors()[0])
    np.testing.assert_array_equal(batch.offered[7], alone.offered[0])


def test_a_space_of_a_hundred_thousand_items_finds_what_arithmetic_finds() -> None:
    rng = np.random.default_rng(0)
    space = ItemSpace.__new__(ItemSpace)
    space.vectors = rng.normal(size=(100_000, 8)).astype(np.float32)
    queries, closed = rng.normal(size=(3, 8)).astype(np.float32), rng.random((3, 100_000)) < 0.5
    scores = np.where(closed, -np.inf, queries.astype(np.float64) @ space.vectors.T.astype(np.float64))
    np.testing.assert_array_equal(space.nearest(queries, closed, 20), np.argsort(-scores, axis=1)[:, :20])


def test_choices_follow_the_conditional_logit() -> None:
    shown = np.array([[True, True, False]])
    chances = choice_chances(np.array([[0.8, 0.5, 0.9]], dtype=np.float32), shown, no_choice_utility=np.log(3))
    np.testing.assert_allclose(chances[0], [4 / 8, 1 / 8, 0, 3 / 8], rtol=1e-5)
    numbers = np.random.default_rng(0).random(40_000)
    chosen = choose(np.repeat(chances, len(numbers), axis=0), numbers)
    np.testing.assert_allclose(np.bincount(chosen, minlength=4) / len(numbers), chances[0], atol=0.01)


def test_an_item_named_twice_is_shown_once() -> None:
    assert first_mentions(np.array([[4, 4, 2, 4], [1, 2, 3, 1]])).tolist() == [
        [True, False, True, False],
        [True, True, True, False],
    ]


def test_what_is_taken_from_a_slate_earns_joins_the_history_and_is_seen_and_the_rest_may_be_shown_again() -> None:
    world = tiny_world(0)
    sessions = Sessions(world, rules("slate", known_items="allow", seen_items="penalise"), range(200))
    slates = np.tile(np.array([3, 7, 3]), (200, 1))
    before = sessions.histories.mask.sum(axis=1)
    result = sessions.step(slates)
    assert result.slates is not None
    assert result.slates.items.tolist() == [[3, 7, NO_ITEM]] * 200
    taken = result.items != NO_ITEM
    assert 0 < taken.sum() < 200
    np.testing.assert_array_equal(result.slates.choices == 3, ~taken)
    assert set(result.items[taken]) == {3, 7}
    np.testing.assert_array_equal(result.rewards, result.responses.like & taken)
    votes = result.slates.votes[np.arange(200), np.minimum(result.slates.choices, 2)]
    np.testing.assert_array_equal(result.responses.votes[taken], votes[taken])
    grown = sessions.histories.mask.sum(axis=1) - before
    assert set(grown[~taken]) == {0}
    for item in (3, 7):
        np.testing.assert_array_equal(sessions.seen[:, item], result.items == item)
    again = sessions.step(slates)
    twice = taken & (again.items == result.items)
    assert twice.any()
    np.testing.assert_array_equal(again.repeated, twice)
    assert not again.rewards[twice].any()
    assert again.rewards[~twice].any()


def test_a_slate_takes_more_where_nothing_is_worth_less() -> None:
    world = tiny_world(0)
    shares = []
    for utility in (-6.0, 6.0):
        sessions = Sessions(world, rules("slate", no_choice_utility=utility), range(300))
        shares.append(np.mean(_act(sessions, np.tile([0, 1, 2], (300, 1))).items != NO_ITEM))
    assert shares[0] > 0.95
    assert shares[1] < shares[0] - 0.1


def test_a_slate_cannot_be_longer_than_its_candidates() -> None:
    with pytest.raises(ValueError, match="a slate of 5 cannot be made of 3 candidates"):
        by_vote(actions="slate", slate_size=5, candidates=3)
