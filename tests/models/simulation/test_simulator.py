import numpy as np
import pytest

from models.response.features import FEATURE_NAMES
from models.response.voting import toss
from models.simulation.simulator import Responses, UserSimulator, reward
from tests.support.worlds import MAX_HISTORY, N_USERS, random_interactions, random_knowledge, tiny_world


def _responses(world: UserSimulator, seed: int = 0) -> Responses:
    users = np.arange(N_USERS)
    histories = world.interactions.histories(users, MAX_HISTORY)
    return world.respond(users, users % world.n_items, histories, toss(np.random.default_rng(seed), N_USERS))


def test_a_like_is_two_of_three_votes() -> None:
    responses = _responses(tiny_world(0))
    assert responses.votes.shape == (N_USERS, 3)
    assert np.array_equal(responses.like, responses.votes.sum(axis=1) >= 2)
    assert np.array_equal(responses.votes[:, 2], responses.sasrec_probability >= 0.5)


def test_equal_generators_give_equal_responses() -> None:
    world = tiny_world(1)
    assert np.array_equal(_responses(world, 5).votes, _responses(world, 5).votes)
    many = {tuple(_responses(world, seed).votes.ravel().tolist()) for seed in range(10)}
    assert len(many) > 1  # some of these votes are ties


def test_a_row_is_answered_as_it_would_be_alone() -> None:
    world = tiny_world(2)
    users, items = np.arange(N_USERS), np.arange(N_USERS) % world.n_items
    histories = world.interactions.histories(users, MAX_HISTORY)
    together = world.respond(users, items, histories, np.full((N_USERS, 2), 0.5))
    for row in range(N_USERS):
        one = slice(row, row + 1)
        alone = world.respond(users[one], items[one], histories[one], np.full((1, 2), 0.5))
        assert alone.probability[0] == pytest.approx(together.probability[row], abs=1e-5)
        assert alone.keyword_evidence.positive[0] == together.keyword_evidence.positive[row]
        assert alone.similarity_evidence.negative[0] == pytest.approx(
            together.similarity_evidence.negative[row], abs=1e-6
        )


def test_the_three_rewards() -> None:
    responses = _responses(tiny_world(0))
    coins = np.random.default_rng(0).random((2000, N_USERS))
    assert np.array_equal(reward(responses, "vote", coins[0]), responses.like.astype(np.float32))
    assert np.array_equal(reward(responses, "probability", coins[0]), responses.probability)
    draws = np.mean([reward(responses, "draw", row) for row in coins], axis=0)
    assert draws == pytest.approx(responses.probability, abs=0.06)


def test_every_feature_has_a_name_and_is_finite_even_without_history() -> None:
    world = tiny_world(3)
    histories = world.interactions.histories(np.arange(3), MAX_HISTORY)
    histories.items[0], histories.likes[0] = -1, False
    features = world.models.opinions(np.arange(3), np.arange(3), histories).features
    assert set(features) == set(FEATURE_NAMES)
    assert all(values.shape == (3,) and np.isfinite(values).all() for values in features.values())


def test_parts_of_different_catalogues_are_refused() -> None:
    world = tiny_world(0)
    with pytest.raises(ValueError, match="one catalogue"):
        UserSimulator(random_knowledge(0, n_items=14), world.interactions, world.models, world.ensemble, MAX_HISTORY)
    with pytest.raises(ValueError, match="one catalogue"):
        UserSimulator(world.knowledge, random_interactions(0, n_items=14), world.models, world.ensemble, MAX_HISTORY)
