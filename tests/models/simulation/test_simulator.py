import numpy as np
import pytest
from scipy.special import logit

from models.response.features import FEATURE_NAMES
from models.simulation.simulator import Responses, UserSimulator, coins, reward
from tests.support.worlds import MAX_HISTORY, N_USERS, random_interactions, random_knowledge, tiny_world


def _responses(world: UserSimulator, seed: int = 0) -> Responses:
    users = np.arange(N_USERS)
    histories = world.interactions.histories(users, MAX_HISTORY)
    return world.respond(users, users % world.n_items, histories, coins(np.random.default_rng(seed), N_USERS))


def test_a_vote_is_two_of_three() -> None:
    responses = _responses(tiny_world(0))
    assert responses.votes.shape == (N_USERS, 3)
    assert np.array_equal(responses.vote, responses.votes.sum(axis=1) >= 2)
    assert np.array_equal(responses.reacting("vote").like, responses.vote)
    assert np.array_equal(responses.reacting("sasrec").like, responses.votes[:, 2] == 1)
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
    together = world.respond(users, items, histories, np.full((N_USERS, 3), 0.5))
    for row in range(N_USERS):
        one = slice(row, row + 1)
        alone = world.respond(users[one], items[one], histories[one], np.full((1, 3), 0.5))
        assert alone.probability[0] == pytest.approx(together.probability[row], abs=1e-5)
        assert alone.keyword_evidence.positive[0] == together.keyword_evidence.positive[row]
        assert alone.similarity_evidence.negative[0] == pytest.approx(
            together.similarity_evidence.negative[row], abs=1e-6
        )


def test_reactions_are_drawn_from_the_probability_of_what_is_shown() -> None:
    world = tiny_world(0)
    draws = np.mean([_responses(world, seed).like for seed in range(400)], axis=0)
    assert draws == pytest.approx(_responses(world).probability, abs=0.12)
    responses = _responses(world)
    assert np.array_equal(reward(responses, "probability"), responses.probability)
    assert np.array_equal(reward(responses, "reaction"), responses.like.astype(np.float32))


def test_what_is_shown_is_less_likely_liked_than_what_is_rated() -> None:
    world = tiny_world(0)
    world.selection = 0.5
    responses = _responses(world)
    apart = logit(responses.rated_probability) - logit(responses.probability)
    assert apart == pytest.approx(np.full(N_USERS, 0.5), abs=1e-4)


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
