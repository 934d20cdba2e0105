from __future__ import annotations

import numpy as np
import pytest
import torch

from models.agents.item_scorer import ItemPrior, ItemScorer
from models.agents.policies import ItemMeanPolicy, LearnedPolicy, Policy, PopularityPolicy, RandomPolicy, SASRecPolicy
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.user_vectors import TasteAxes, Tastes
from tests.support.worlds import tiny_world

WORLD = tiny_world(0)


def learned(sessions: Sessions) -> LearnedPolicy:
    torch.manual_seed(1)
    axes = TasteAxes.of(WORLD.knowledge, 3)
    user_size = sessions.observations()["user"].shape[1]
    scorer = ItemScorer(ItemPrior.of(sessions, Tastes(WORLD.knowledge, axes)), user_size, hidden=8)
    torch.nn.init.normal_(scorer.biases)
    return LearnedPolicy(scorer, axes)


@pytest.mark.parametrize("policy", [RandomPolicy(0), PopularityPolicy(), ItemMeanPolicy(), SASRecPolicy(), "learned"])
def test_no_policy_repeats_itself_or_what_is_known(policy: Policy | str) -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(), range(10))
    chosen = learned(sessions) if isinstance(policy, str) else policy
    for _ in range(int((~sessions.seen).sum(axis=1).min())):
        assert not sessions.step(chosen.actions(sessions)).repeated.any()


def test_top_k_is_best_first_with_seen_items_last() -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(), range(10))
    policy = SASRecPolicy()
    top = policy.top_k(sessions, 15)
    np.testing.assert_array_equal(top[:, 0], policy.actions(sessions))
    for row, seen in enumerate(sessions.seen):
        assert set(top[row, -int(seen.sum()) :]) == set(np.flatnonzero(seen))
        probabilities = policy.scores(sessions)[row, top[row, : -int(seen.sum())]]
        assert np.all(np.diff(probabilities) <= 0)


def test_popularity_counts_likes_in_training_interactions() -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(known_items="allow", catalogue_size=6), [0])
    train = WORLD.interactions
    likes = [int((train.likes & (train.items == item)).sum()) for item in sessions.catalogue]
    assert PopularityPolicy().scores(sessions).tolist() == [likes]


def test_item_means_are_shrunk_to_the_average() -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(known_items="allow"), [0])
    train = WORLD.interactions
    average = (train.likes.sum() + 1) / (len(train) + 2)
    counts, likes = (np.bincount(train.items[rows], minlength=15) for rows in (slice(None), train.likes))
    rates = (likes + 5 * average) / (counts + 5)
    np.testing.assert_allclose(ItemMeanPolicy().scores(sessions)[0], np.log(rates / (1 - rates)), rtol=1e-5)


def test_random_chooses_alike_with_the_same_seed_and_all_items_alike() -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(known_items="allow"), range(300))
    first, again, other = (RandomPolicy(seed).actions(sessions) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.bincount(first, minlength=15).min() >= 5


def test_a_policy_of_another_catalogue_is_refused() -> None:
    sessions = Sessions(WORLD, EnvironmentSettings(), [0])
    other = Sessions(WORLD, EnvironmentSettings(catalogue_size=5), [0])
    with pytest.raises(ValueError, match="trained for 15 items, the sessions have 5"):
        learned(sessions).scores(other)
