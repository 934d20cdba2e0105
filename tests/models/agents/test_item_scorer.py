from __future__ import annotations

import numpy as np
import torch

from models.agents.item_scorer import ItemPrior, ItemScorer
from models.simulation.item_space import like_logits
from tests.support.planted_worlds import N_RATED, N_USERS, planted_world

PRIOR = ItemPrior(
    vectors=np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32),
    biases=np.array([0.5, 0, -0.5], dtype=np.float32),
    tastes=np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32),
    blocks=(2, 1),
)
STATE = [0.25, 1.0, 9.0]  # a state of two numbers and one statistic
TASTE = [0.1, 0.0, -0.1]


def test_an_untrained_scorer_ranks_by_state_taste_and_bias() -> None:
    scorer = ItemScorer(PRIOR, user_size=3, hidden=4, scale=2.0)
    without, with_taste = torch.tensor([STATE + [0.0] * 3]), torch.tensor([STATE + TASTE])
    torch.testing.assert_close(scorer.scores(without), torch.tensor([[1.5, 2.0, 1.5]]))
    torch.testing.assert_close(scorer.scores(with_taste), torch.tensor([[3.5, 2.0, -0.5]]))  # 2 * 10 * 0.1 more, less
    with torch.no_grad():
        scorer.taste_weights[1] = 0.0  # the second block is the third number
    torch.testing.assert_close(scorer.scores(with_taste), torch.tensor([[3.5, 2.0, 1.5]]))


def test_seen_items_are_masked() -> None:
    scorer = ItemScorer(PRIOR, user_size=3, hidden=4, scale=2.0)
    features = torch.tensor([[*STATE, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]])
    assert scorer(features).tolist() == [[1.5, -38.5, 1.5]]


def test_the_prior_is_the_smoothed_like_rate_of_training_interactions() -> None:
    logits = like_logits(planted_world(), smoothing=2)
    rates = 1 / (1 + np.exp(-logits))
    average = (N_USERS * N_RATED / 2 + 1) / (N_USERS * N_RATED + 2)
    np.testing.assert_allclose(rates[0], (N_USERS + 2 * average) / (N_USERS + 2), rtol=1e-5)
    np.testing.assert_allclose(rates[4], 2 * average / (N_USERS + 2), rtol=1e-5)
    np.testing.assert_allclose(rates[N_RATED:], average, rtol=1e-5)
