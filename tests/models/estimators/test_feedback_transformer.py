from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from models.estimators.feedback_transformer import FeedbackTransformer, FeedbackTransformerSettings
from models.interactions import Histories, Interactions
from models.metrics.classification import auc

N_ITEMS, N_USERS = 24, 60
CATEGORIES = csr_array(np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2])
SMALL = FeedbackTransformerSettings(width=8, heads=1, history=6, max_epochs=30, batch_size=16)


def two_tastes(seed: int, per_user: int) -> Interactions:
    """Every second user likes the even items and dislikes the odd ones, the others the reverse."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), per_user)
    items = np.concatenate([rng.permutation(N_ITEMS)[:per_user] for _ in range(N_USERS)])
    likes = users % 2 == items % 2
    return Interactions(users, items, likes, np.where(likes, 5, 1).astype(np.float32), N_USERS, N_ITEMS)


@pytest.fixture(scope="module")
def fitted() -> FeedbackTransformer:
    return FeedbackTransformer(CATEGORIES, SMALL).fit(two_tastes(0, 14), two_tastes(1, 3))


def test_taste_is_learned_from_past_reactions(fitted: FeedbackTransformer) -> None:
    train, test = two_tastes(0, 14), two_tastes(2, 5)
    probabilities = fitted.probabilities(test.items, train.histories(test.users, 50))
    assert probabilities.dtype == np.float32
    assert auc(test.likes, probabilities) > 0.95
    assert len(fitted.validation_losses) <= SMALL.max_epochs
    assert min(fitted.validation_losses) < 0.4


def test_only_the_last_reactions_count_and_padding_does_not(fitted: FeedbackTransformer) -> None:
    train = two_tastes(0, 14)
    users, items = np.array([3, 8]), np.array([5, 5])
    short = fitted.probabilities(items, train.histories(users, SMALL.history - 1))
    np.testing.assert_array_equal(short, fitted.probabilities(items, train.histories(users, 50)))
    padded = Histories(np.array([[4, -1, -1], [4, 7, 2]]), np.array([[True, False, False], [True, False, True]]))
    alone = Histories(np.array([[4]]), np.array([[True]]))
    np.testing.assert_allclose(
        fitted.probabilities(items, padded)[0], fitted.probabilities(items[:1], alone)[0], rtol=1e-5
    )


def test_a_user_without_reactions_is_answered(fitted: FeedbackTransformer) -> None:
    nothing = Histories(np.full((2, 1), -1), np.zeros((2, 1), dtype=bool))
    first, second = fitted.probabilities(np.array([4, 4]), nothing)
    assert first == second
    assert 0 < first < 1


def test_a_seed_gives_one_model_and_leaves_torch_as_it_was() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train, validation = two_tastes(0, 6), two_tastes(1, 2)
    settings = SMALL.model_copy(update={"max_epochs": 2})
    one, two = (FeedbackTransformer(CATEGORIES, settings).fit(train, validation) for _ in range(2))
    histories = train.histories(validation.users, 10)
    np.testing.assert_array_equal(
        one.probabilities(validation.items, histories), two.probabilities(validation.items, histories)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_without_validation_reactions_all_epochs_are_trained() -> None:
    none = np.zeros(0, dtype=np.int64)
    nobody = Interactions(none, none, none.astype(bool), none.astype(np.float32), N_USERS, N_ITEMS)
    settings = SMALL.model_copy(update={"max_epochs": 6, "patience": 1})
    assert len(FeedbackTransformer(CATEGORIES, settings).fit(two_tastes(0, 4), nobody).validation_losses) == 6
