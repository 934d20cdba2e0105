import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics.classification import UserBootstrap, auc, classification_metrics


def _floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


LIKES = np.array([True, True, False, True, False])
SCORES = _floats(0.9, 0.5, 0.5, 0.3, 0.1)


def test_auc_counts_ties_half() -> None:
    # liked .9 beats both, .5 ties one and beats the other, .3 beats one: 2 + 1.5 + 1 of 6 pairs
    assert auc(LIKES, SCORES) == pytest.approx(4.5 / 6)


def test_auc_of_one_class_is_a_half() -> None:
    assert auc(np.array([True, True]), _floats(0.1, 0.9)) == 0.5


def test_figures_by_hand() -> None:
    row = classification_metrics(LIKES, SCORES, SCORES, SCORES >= 0.5, UserBootstrap(np.arange(5), LIKES, 20))
    assert row.accuracy == pytest.approx(3 / 5)
    # likes: 2 of 3 found, 2 of 3 predicted right; dislikes: 1 of 2 and 1 of 2
    assert row.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert row.brier == pytest.approx((0.01 + 0.25 + 0.25 + 0.49 + 0.01) / 5)
    assert row.log_loss == pytest.approx(-np.log([0.9, 0.5, 0.5, 0.3, 0.9]).mean(), abs=1e-6)


def test_a_certain_mistake_costs_much_but_not_infinitely() -> None:
    likes = np.array([True, False])
    row = classification_metrics(
        likes, _floats(0, 0), _floats(0, 0), np.array([False, False]), UserBootstrap(np.arange(2), likes, 5)
    )
    assert 5 < row.log_loss < 10


def test_resampled_aucs_are_those_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    users, likes = np.sort(rng.integers(12, size=80)), rng.random(80) < 0.6
    scores = rng.integers(6, size=80).astype(np.float32)
    bootstrap = UserBootstrap(users, likes, n_resamples=60, seed=4)
    aucs = bootstrap.aucs(scores)
    for r in range(60):
        rows = np.repeat(np.arange(80), bootstrap._times[r][np.searchsorted(np.unique(users), users)])
        assert aucs[r] == pytest.approx(auc(likes[rows], scores[rows]))


def test_the_interval_is_wider_when_pairs_belong_to_few_users() -> None:
    rng = np.random.default_rng(1)
    of_user = np.repeat(rng.normal(size=10), 50)  # pairs of a user share what moves both score and reaction
    likes = of_user + rng.normal(size=500) > 0
    scores = (of_user + rng.normal(size=500)).astype(np.float32)
    few, many = (
        UserBootstrap(users, likes).interval(scores) for users in (np.repeat(np.arange(10), 50), np.arange(500))
    )
    assert few[0] < auc(likes, scores) < few[1]
    assert few[1] - few[0] > 1.5 * (many[1] - many[0])


def test_paired_differences_are_narrower_than_the_intervals_they_compare() -> None:
    rng = np.random.default_rng(2)
    likes = rng.random(400) < 0.5
    good = (likes + rng.normal(size=400)).astype(np.float32)
    better = (good + 0.3 * likes).astype(np.float32)
    bootstrap = UserBootstrap(np.arange(400) // 4, likes)
    low, high = bootstrap.difference_interval(better, good)
    assert 0 < low < auc(likes, better) - auc(likes, good) < high
    interval = bootstrap.interval(good)
    assert high - low < (interval[1] - interval[0]) / 2


def test_a_sample_of_one_class_does_not_spoil_the_interval() -> None:
    likes = np.array([True, False, True])
    low, high = UserBootstrap(np.array([0, 1, 2]), likes, 50).interval(_floats(0.9, 0.1, 0.8))
    assert (low, high) == (1.0, 1.0)
    assert UserBootstrap(np.array([0, 1]), likes[::2], 5).interval(_floats(0.9, 0.8)) == (0.5, 0.5)
