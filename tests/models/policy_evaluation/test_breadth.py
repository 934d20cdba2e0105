from __future__ import annotations

import numpy as np
import pytest

from models.policy_evaluation.breadth import Breadth, gini, repetition
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from tests.support.worlds import tiny_world


def test_gini_of_equal_and_of_one_sided_counts() -> None:
    assert gini(np.array([3, 3, 3, 3])) == 0
    assert gini(np.array([0, 0, 0, 8])) == 0.75  # (n - 1) / n
    assert gini(np.array([1, 3])) == pytest.approx(0.25)
    assert gini(np.zeros(4)) == 0


def test_an_unusual_item_is_novel() -> None:
    world = tiny_world(0)
    sessions = Sessions(world, EnvironmentSettings(), [0])
    breadth = Breadth.of(sessions)
    raters = np.bincount(world.interactions.items, minlength=15)
    assert np.argmax(breadth.information) == np.argmin(raters)
    once = np.eye(15, dtype=np.int32)
    np.testing.assert_allclose(breadth.novelty(once), -np.log2((raters + 1) / 21))


def test_diversity_by_hand() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], dtype=np.float32)  # the last item has no keywords
    breadth = Breadth(np.zeros(4), vectors)
    counts = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 5], [1, 0, 0, 1]], dtype=np.int32)
    np.testing.assert_allclose(breadth.diversity(counts), [0, 1, 2 / 3, 0], atol=1e-6)


def test_repetition_counts_what_came_before() -> None:
    assert repetition(np.array([[3, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=np.int32)).tolist() == [0.5, 0, 0]
