from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.agents.policies import Policy, PopularityPolicy
from models.interactions import Interactions
from models.policy_evaluation.off_policy import LoggedReactions, logged_reactions, off_policy_value, target_chances
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from tests.support.worlds import N_ITEMS, N_USERS, tiny_world

WORLD, RULES = tiny_world(0), EnvironmentSettings()


class Best(Policy):
    """One item first for everybody."""

    def __init__(self, item: int) -> None:
        self.item = item

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        return np.broadcast_to((np.arange(sessions.n_actions) == self.item).astype(np.float32), sessions.seen.shape)


def unrated(n: int) -> Interactions:
    """For each user n items without a training interaction; item 3 is always liked, others never."""
    rows = [
        (user, item)
        for user in range(N_USERS)
        for item in np.setdiff1d(np.arange(N_ITEMS), WORLD.interactions.items[WORLD.interactions.users == user])[:n]
    ]
    users, items = np.array(rows).T
    return Interactions(users, items, items == 3, np.ones(len(items), dtype=np.float32), N_USERS, N_ITEMS)


LOGGED = logged_reactions(WORLD, RULES, unrated(15))


def test_propensities_are_the_popularity_of_what_was_open() -> None:
    counts = np.bincount(WORLD.interactions.items, minlength=N_ITEMS) + 1
    for user in (0, 7):
        of_user = LOGGED.users == user
        assert LOGGED.propensities[of_user].sum() == pytest.approx(1)  # here everything open was logged
        expected = counts[LOGGED.actions[of_user]] / counts[LOGGED.actions[of_user]].sum()
        np.testing.assert_allclose(LOGGED.propensities[of_user], expected)


def test_reactions_to_items_outside_the_catalogue_are_left_out() -> None:
    few = EnvironmentSettings(catalogue_size=3)
    logged = logged_reactions(WORLD, few, unrated(15))
    assert set(logged.actions) <= {0, 1, 2}
    assert 0 < len(logged) < len(LOGGED)
    with pytest.raises(ValueError, match="widen catalogue_size"):
        logged_reactions(WORLD, few, replace_items(unrated(1), outside(few)))


def outside(rules: EnvironmentSettings) -> int:
    return int(np.setdiff1d(np.arange(N_ITEMS), Sessions(WORLD, rules, [0]).catalogue)[0])


def replace_items(held_out: Interactions, item: int) -> Interactions:
    return replace(held_out, items=np.full(len(held_out), item))


def test_the_target_recommends_its_best_and_sometimes_anything_open() -> None:
    sessions = Sessions(WORLD, RULES, range(40))
    chances = target_chances(Best(3), sessions, k=1)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert not chances[sessions.seen].any()
    open_to = ~sessions.seen[:, 3]
    assert (chances[open_to, 3] > 0.9).all()


def test_a_target_that_is_the_logging_policy_is_worth_the_mean_reward() -> None:
    sessions = Sessions(WORLD, RULES, range(len(LOGGED)))
    sessions.begin(np.arange(len(LOGGED)), LOGGED.users)
    own = target_chances(PopularityPolicy(), sessions, 4)[np.arange(len(LOGGED)), LOGGED.actions]
    logged = replace(LOGGED, propensities=own)
    value = off_policy_value([PopularityPolicy()], WORLD, RULES, logged, k=4, seed=0)
    assert value.snips.mean == pytest.approx(LOGGED.rewards.mean())
    assert value.effective == pytest.approx(len(LOGGED))


def test_both_estimates_know_a_good_policy_from_a_bad_one() -> None:
    good, bad = (off_policy_value([Best(item)], WORLD, RULES, LOGGED, k=1, seed=0) for item in (3, 4))
    for which in ("snips", "dr"):
        better, worse = getattr(good, which), getattr(bad, which)
        assert better.ci95[0] > worse.ci95[1]
        assert better.ci95[0] <= better.mean <= better.ci95[1]
    assert good.effective < len(LOGGED)


def test_the_doubly_robust_estimate_by_hand() -> None:
    logged = LoggedReactions(np.array([0, 1]), LOGGED.actions[:2], np.array([1.0, 0.0]), np.array([0.5, 0.25]))
    sessions = Sessions(WORLD, RULES, [0, 1])
    sessions.begin(np.arange(2), np.array([0, 1]))
    chances = target_chances(PopularityPolicy(), sessions, 2)
    bias = WORLD.models.bias
    logits = bias.global_effect + bias.user_effects[[0, 1]][:, None] + bias.item_effects[None]
    q = 1 / (1 + np.exp(-logits))
    w = chances[[0, 1], logged.actions] / logged.propensities
    errors = logged.rewards - q[[0, 1], logged.actions]
    value = off_policy_value([PopularityPolicy()], WORLD, RULES, logged, k=2, seed=0)
    assert value.snips.mean == pytest.approx(w @ logged.rewards / w.sum())
    assert value.dr.mean == pytest.approx((chances * q).sum(axis=1).mean() + w @ errors / w.sum(), rel=1e-5)
