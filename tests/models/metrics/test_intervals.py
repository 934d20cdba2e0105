from __future__ import annotations

import numpy as np
import pytest

from models.metrics.intervals import Estimate, combined, crossed_interval


def test_one_source_of_chance_alone_is_a_t_interval_as_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0])
    estimate = crossed_interval(values[None])  # 4.303 / sqrt(3) with two degrees of freedom
    assert crossed_interval(values[:, None]) == estimate
    assert estimate.mean == 2
    assert estimate.ci95 == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


def test_numbers_without_spread_have_no_interval() -> None:
    assert crossed_interval(np.full((3, 5), 2.0)) == Estimate(mean=2, ci95=(2, 2))
    assert crossed_interval(np.array([[4.0]])) == Estimate(mean=4, ci95=(4, 4))


def test_seeds_and_episodes_both_widen_an_interval() -> None:
    rng = np.random.default_rng(0)
    seeds, episodes = rng.normal(size=(20, 1)), rng.normal(size=(1, 400))
    both = crossed_interval(seeds + episodes).ci95
    alone = [crossed_interval(part).ci95 for part in (seeds, episodes)]
    widths = [high - low for low, high in (both, *alone)]
    assert widths[0] > max(widths[1:])
    assert widths[0] < sum(widths[1:])


def test_ninety_five_percent_intervals_hold_the_truth_about_so_often() -> None:
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        values = rng.normal(size=(5, 1)) + rng.normal(size=(1, 30)) + rng.normal(size=(5, 30))
        low, high = crossed_interval(values).ci95
        held += low <= 0 <= high
    assert 0.92 <= held / 400 <= 0.99


def test_degrees_of_freedom_lie_between_those_of_the_parts() -> None:
    low, high = combined(0.0, ((1.0, 2), (1.0, 200))).ci95
    assert 1.96 < high / 2**0.5 < 4.303
    assert low == -high
