import numpy as np
import pytest

from models.estimators.logistic import LogisticModel
from models.metrics.classification import auc, expected_calibration_error
from models.response.voting import VoteTable, majority


def test_two_of_three_votes_are_a_like() -> None:
    votes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]], dtype=np.int8)
    assert majority(votes).tolist() == [False, False, True, True]


def test_a_vote_tables_rates_are_smoothed_frequencies() -> None:
    values = np.array([1, 1, 1, 0, 0], dtype=np.float32)
    table = VoteTable.fit(values, np.array([True, True, False, False, False]), possible=(0.0, 0.5, 1.0))
    assert table.rates == pytest.approx({0.0: 1 / 4, 0.5: 1 / 2, 1.0: 3 / 5})
    assert table.probabilities(np.array([0.5, 1.0], dtype=np.float32)) == pytest.approx([1 / 2, 3 / 5])


def test_a_vote_value_that_cannot_be_is_refused() -> None:
    table = VoteTable({0.0: 0.3, 1.0: 0.7})
    with pytest.raises(ValueError, match=r"0\.5"):
        table.probabilities(np.array([0.5], dtype=np.float32))


def test_the_stack_weighs_features_by_what_they_tell_and_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(loc=[3, -2, 0], scale=[5, 0.1, 1], size=(6000, 3)).astype(np.float32)
    likes = rng.random(6000) < 1 / (1 + np.exp(-(features[:, 0] - 3) / 5 * 1.5 - 0.7))
    model = LogisticModel.fit(("strong", "useless", "useless too"), features[:3000], likes[:3000])
    probabilities = model.probabilities(features[3000:])
    assert abs(model.coefficients[0]) > 10 * abs(model.coefficients[1])
    assert auc(likes[3000:], probabilities) == pytest.approx(auc(likes[3000:], features[3000:, 0]), abs=0.005)
    assert expected_calibration_error(likes[3000:], probabilities) < 0.03


def test_a_constant_feature_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1)).astype(np.float32)
    likes = x[:, 0] + rng.normal(size=200) > 0
    with_constant = np.hstack([x, np.full_like(x, 7)])
    alone = LogisticModel.fit(("x",), x, likes).probabilities(x)
    assert LogisticModel.fit(("x", "c"), with_constant, likes).probabilities(with_constant) == pytest.approx(
        alone, abs=1e-4
    )


def test_validation_of_one_class_gives_its_smoothed_rate() -> None:
    features = np.ones((3, 2), dtype=np.float32)
    model = LogisticModel.fit(("a", "b"), features, np.array([True, True, True]))
    assert model.probabilities(features) == pytest.approx([4 / 5] * 3)


def test_no_validation_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs rows"):
        LogisticModel.fit(("a",), np.zeros((0, 1), dtype=np.float32), np.zeros(0, dtype=bool))


def test_a_heavy_penalty_keeps_the_stack_at_its_prior() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(loc=2, scale=[3, 1], size=(300, 2)).astype(np.float32)
    likes = features[:, 1] + rng.normal(size=300) > 2
    model = LogisticModel.fit(("a", "b"), features, likes, penalty=1e8, prior={"a": 0.5})
    assert np.array(model.coefficients) / model.scales == pytest.approx([0.5, 0.0], abs=1e-3)
    departures = model.logits(features) - 0.5 * features[:, 0]
    assert departures == pytest.approx(departures.mean(), abs=1e-2)
    assert model.probabilities(features).mean() == pytest.approx(likes.mean(), abs=1e-3)  # the intercept is free
