import numpy as np
import pytest
from scipy.special import expit

from models.estimators.baselines import Bias, GlobalRate, ItemMean, UserMean
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.interactions import Interactions
from models.metrics.classification import auc


def _interactions(rows: list[tuple[int, int, bool]], n_users: int, n_items: int) -> Interactions:
    users, items, likes = (np.array(column) for column in zip(*sorted(rows, key=lambda row: row[0]), strict=True))
    return Interactions(users, items, likes, likes.astype(np.float32), n_users, n_items)


THREE = _interactions([(0, 0, True), (0, 1, True), (1, 0, False)], n_users=3, n_items=3)
ALL = np.array([0, 1, 2])


def test_rates_are_smoothed_towards_the_overall_rate() -> None:
    overall = (2 + 1) / (3 + 2)
    assert GlobalRate().fit(THREE).probabilities(ALL, ALL) == pytest.approx([overall] * 3)
    by_item = ItemMean(pseudo_reactions=2).fit(THREE).probabilities(ALL, ALL)
    assert by_item == pytest.approx([(1 + 2 * overall) / 4, (1 + 2 * overall) / 3, overall])
    by_user = UserMean(pseudo_reactions=2).fit(THREE).probabilities(ALL, ALL)
    assert by_user == pytest.approx([(2 + 2 * overall) / 4, 2 * overall / 3, overall])


def test_bias_reaches_the_minimum_of_its_penalised_log_loss() -> None:
    model = Bias(user_penalty=0.5, item_penalty=1.0).fit(THREE)
    error = expit(model.logits(THREE.users, THREE.items)) - THREE.likes
    assert error.sum() == pytest.approx(0, abs=1e-3)
    assert np.bincount(THREE.users, error, 3) == pytest.approx(-0.5 * model.user_effects, abs=1e-3)
    assert np.bincount(THREE.items, error, 3) == pytest.approx(-1.0 * model.item_effects, abs=1e-3)
    assert model.user_effects[2] == model.item_effects[2] == 0  # nothing is known of them


def test_held_out_item_effects_are_near_those_of_a_fit_without_the_reaction() -> None:
    rng = np.random.default_rng(0)
    rows = [(u, i, bool(rng.random() < 0.3 + 0.1 * i)) for u in range(40) for i in range(5)]
    train = _interactions(rows, 40, 5)
    held_out = Bias().fit(train).held_out_item_effects(train)
    for row in (0, 57, 199):
        keep = np.arange(len(train)) != row
        without = Interactions(train.users[keep], train.items[keep], train.likes[keep], train.ratings[keep], 40, 5)
        assert held_out[row] == pytest.approx(Bias().fit(without).item_effects[train.items[row]], abs=0.05)


def test_a_bias_model_survives_its_arrays() -> None:
    model = Bias().fit(THREE)
    assert np.array_equal(Bias.of_arrays(model.arrays()).probabilities(ALL, ALL), model.probabilities(ALL, ALL))


def test_factors_learn_a_match_that_effects_cannot() -> None:
    rng = np.random.default_rng(0)
    rows = [(u, i, u % 2 == i % 2) for u in range(60) for i in rng.permutation(30)[:16].tolist()]
    train = _interactions([row for k, row in enumerate(rows) if k % 8], 60, 30)
    test = _interactions([row for k, row in enumerate(rows) if not k % 8], 60, 30)
    factors = MatrixFactorisation(n_factors=2, factor_penalty=1.0).fit(train).probabilities(test.users, test.items)
    effects = Bias().fit(train).probabilities(test.users, test.items)
    assert auc(test.likes, factors) > 0.95
    assert auc(test.likes, effects) < 0.7
