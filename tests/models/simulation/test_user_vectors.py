from __future__ import annotations

import numpy as np
import pytest

from models.interactions import Histories
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.user_vectors import TasteAxes, Tastes
from tests.support.planted_worlds import NEW_AND_LIKED, planted_world
from tests.support.worlds import tiny_world


def test_on_all_axes_inner_products_are_those_of_the_embeddings() -> None:
    knowledge = tiny_world(0).knowledge
    tastes = Tastes(knowledge, TasteAxes.of(knowledge, rank=6))
    assert tastes.sizes == (6, 6, 4)
    pro, con = tastes.items[:, :6], tastes.items[:, 6:12]
    np.testing.assert_allclose(pro @ pro.T, knowledge.pro_vectors @ knowledge.pro_vectors.T, atol=1e-5)
    np.testing.assert_allclose(con @ con.T, knowledge.con_vectors @ knowledge.con_vectors.T, atol=1e-5)
    assert tastes.items[:, 12:].sum(axis=1) == pytest.approx(1)  # every item has a category


def test_a_user_is_the_mean_of_what_was_liked_less_what_was_disliked() -> None:
    knowledge = tiny_world(0).knowledge
    tastes = Tastes(knowledge, TasteAxes.of(knowledge, rank=3))
    histories = Histories(
        np.array([[3, 5, 7, -1], [-1, -1, -1, -1]]), np.array([[True, False, True, False], [False] * 4])
    )
    user = tastes.users(histories)
    pro, con, categories = np.split(tastes.items, [3, 6], axis=1)
    np.testing.assert_allclose(user[0, :3], (pro[3] + pro[7]) / 4, atol=1e-6)
    np.testing.assert_allclose(user[0, 3:6], -con[5] / 4, atol=1e-6)
    np.testing.assert_allclose(user[0, 6:], (categories[3] + categories[7] - 2 * categories[5]) / 12, atol=1e-6)
    assert not user[1].any()


def test_thousands_of_reactions_add_up() -> None:
    knowledge, n = tiny_world(0).knowledge, 3000
    tastes = Tastes(knowledge, TasteAxes.of(knowledge, rank=3))
    liked, disliked = tastes.items[:, 6:].argmax(axis=0)[:2]
    histories = Histories(np.repeat([[liked, disliked]], n, axis=1), np.repeat([[True, False]], n, axis=1))
    expected = n * (tastes.items[liked, 6:] - tastes.items[disliked, 6:]) / 2 / (2 * n + 1)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(tastes.users(histories)[0, 6:], expected, atol=1e-6)


def test_tastes_tell_apart_what_no_average_does() -> None:
    world = planted_world()
    tastes = Tastes(world.knowledge, TasteAxes.of(world.knowledge, rank=1))
    sessions = Sessions(world, EnvironmentSettings(), range(4))
    match = tastes.users(sessions.histories) @ tastes.items.T
    liked = np.isin(np.arange(world.n_items), NEW_AND_LIKED)
    new = np.arange(world.n_items) >= NEW_AND_LIKED[0]
    assert match[:, liked].min() > match[:, new & ~liked].max()


def test_axes_do_not_turn_with_their_signs() -> None:
    knowledge = tiny_world(0).knowledge
    axes = TasteAxes.of(knowledge, rank=2)
    np.testing.assert_allclose(axes.pro.T @ axes.pro, np.eye(2), atol=1e-6)
    largest = np.abs(axes.pro).argmax(axis=0)
    assert (axes.pro[largest, [0, 1]] > 0).all()
