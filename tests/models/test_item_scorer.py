from __future__ import annotations

import numpy as np
import torch

from models.item_scorer import ItemPrior, ItemScorer
from models.sessions import EnvironmentSettings, SessionBatch
from tests.models.planted_worlds import N_RATED, N_USERS, planted_world

PRIOR = ItemPrior(
    np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32),
    np.array([0.5, 0, -0.5], dtype=np.float32),
)


def test_an_untrained_scorer_ranks_by_state_embedding_and_bias() -> None:
    scorer = ItemScorer(PRIOR, user_size=3, hidden=4, scale=2.0, masked=-1.0)
    user = torch.tensor([[0.25, 1.0, 9.0]])  # a state of two numbers and one statistic
    torch.testing.assert_close(scorer.scores(user), torch.tensor([[1.5, 2.0, 1.5]]))


def test_seen_items_are_masked() -> None:
    scorer = ItemScorer(PRIOR, user_size=3, hidden=4, scale=2.0, masked=-7.0)
    features = torch.tensor([[0.25, 1.0, 9.0, 0.0, 1.0, 0.0]])
    assert scorer(features).tolist() == [[1.5, -7.0, 1.5]]


def test_the_prior_is_the_smoothed_like_rate_of_training_interactions() -> None:
    prior = ItemPrior.of(SessionBatch(planted_world(), EnvironmentSettings(), [0]), smoothing=2)
    rates = 1 / (1 + np.exp(-prior.biases))
    average = (N_USERS * N_RATED / 2 + 1) / (N_USERS * N_RATED + 2)
    np.testing.assert_allclose(rates[0], (N_USERS + 2 * average) / (N_USERS + 2), rtol=1e-5)
    np.testing.assert_allclose(rates[4], 2 * average / (N_USERS + 2), rtol=1e-5)
    np.testing.assert_allclose(rates[N_RATED:], average, rtol=1e-5)
