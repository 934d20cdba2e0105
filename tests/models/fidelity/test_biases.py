"""Biases that are planted are found with their size, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from models.fidelity.biases import bias_checks
from models.interactions import Interactions

N_USERS, PER_USER, N_ITEMS = 200, 20, 60


def _test_pairs() -> tuple[Interactions, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(N_USERS), PER_USER)
    items = rng.integers(N_ITEMS, size=len(users))
    counts = (np.exp(rng.random(N_ITEMS) * 5)).astype(np.int64)
    truth = np.clip(0.5 + 0.05 * (np.log1p(counts[items]) - 2.5), 0, 1)
    likes = rng.random(len(users)) < truth
    return Interactions(users, items, likes, likes.astype(np.float32), N_USERS, N_ITEMS), counts, truth


def test_planted_biases_are_found_and_the_truth_has_none() -> None:
    test, counts, truth = _test_pairs()
    popular = np.log1p(counts[test.items])
    models = {
        "true": truth,
        "positive": truth + 0.1,
        "of the crowd": truth + 0.04 * (popular - popular.mean()),
    }
    checks = {row.model: row for row in bias_checks(test, {k: v.astype(np.float32) for k, v in models.items()}, counts)}
    for name, positivity, popularity in (("true", 0.0, 0.0), ("positive", 0.1, 0.0), ("of the crowd", 0.0, 0.04)):
        found = checks[name]
        for value, interval, planted in (
            (found.over_positivity, found.over_positivity_ci95, positivity),
            (found.popularity_bias, found.popularity_bias_ci95, popularity),
        ):
            assert interval[0] <= planted <= interval[1], (name, planted)
            assert interval[0] <= value <= interval[1]
            assert interval[1] - interval[0] < 0.06
    offset = checks["positive"].over_positivity - checks["true"].over_positivity
    assert offset == pytest.approx(0.1, abs=1e-4)


def test_equally_popular_items_show_no_popularity_bias() -> None:
    test, _, truth = _test_pairs()
    (row,) = bias_checks(test, {"true": truth.astype(np.float32)}, np.full(N_ITEMS, 7), n_resamples=20)
    assert row.popularity_bias == 0
