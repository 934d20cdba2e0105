import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics.calibration import (
    debiased_calibration_error,
    error_by_chance,
    expected_calibration_error,
    reliability,
)


def _floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def _world(n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Probabilities and labels drawn from them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(4, 2, size=n).astype(np.float32)
    return probabilities, rng.random(n) < probabilities


def test_calibration_error_is_the_weighted_distance_of_the_bins() -> None:
    likes = np.array([True, False, True, True])
    probabilities = _floats(0.52, 0.53, 0.99, 1.0)
    bins = reliability(likes, probabilities)
    assert [b.n for b in bins] == [2, 2]
    assert [b.like_rate for b in bins] == [0.5, 1.0]
    assert [b.mean_probability for b in bins] == pytest.approx([0.525, 0.995])
    assert expected_calibration_error(likes, probabilities) == pytest.approx((2 * 0.025 + 2 * 0.005) / 4)


def test_the_error_by_chance_of_one_bin_is_that_of_a_binomial_share() -> None:
    found = error_by_chance(np.full(400, 0.7, dtype=np.float32), seed=0)
    deviation = np.sqrt(0.7 * 0.3 / 400)
    assert found.mean == pytest.approx(deviation * np.sqrt(2 / np.pi), rel=0.15)  # mean of |N(0, deviation)|
    assert found.ci95[0] < found.mean < found.ci95[1] < 4 * deviation


def test_true_probabilities_err_by_what_chance_says_and_wrong_ones_by_more() -> None:
    errors, inside = [], 0
    for seed in range(40):
        p, likes = _world(800, seed)
        by_chance = error_by_chance(p, seed)
        errors.append(expected_calibration_error(likes, p) - by_chance.mean)
        inside += by_chance.ci95[0] <= expected_calibration_error(likes, p) <= by_chance.ci95[1]
        half = (p / 2).astype(np.float32)
        assert expected_calibration_error(likes, half) > error_by_chance(half, seed).ci95[1]
    assert abs(np.mean(errors)) < 0.005
    assert inside >= 34


def test_fewer_pairs_err_more_by_chance() -> None:
    few, many = (error_by_chance(_world(n, 1)[0], 0).mean for n in (300, 30_000))
    assert few > 5 * many


def test_the_debiased_error_of_true_probabilities_is_near_0_whatever_their_number() -> None:
    for n in (400, 40_000):
        squares = [debiased_calibration_error(likes, p) ** 2 for p, likes in (_world(n, seed) for seed in range(30))]
        plain = [expected_calibration_error(likes, p) for p, likes in (_world(n, seed) for seed in range(30))]
        assert np.mean(squares) < np.mean(plain) ** 2


def test_the_debiased_error_finds_a_constant_shift() -> None:
    p, likes = _world(40_000, 3)
    assert debiased_calibration_error(likes, np.clip(p + 0.1, 0, 1)) == pytest.approx(0.1, abs=0.015)


def test_equal_probabilities_are_one_bin() -> None:
    likes = np.arange(100) % 4 != 0
    assert debiased_calibration_error(likes, np.full(100, 0.25, dtype=np.float32)) == pytest.approx(0.5, abs=0.01)
    assert debiased_calibration_error(np.array([True]), _floats(0.5)) == pytest.approx(0.5)
