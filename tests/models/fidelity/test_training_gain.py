"""Training gain on planted worlds: a simulator that knows the truth teaches recommenders, a coin does not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from models.estimators.recommenders import Scores
from models.fidelity.simulated_rows import before, reactions, share_drawn, shown_pairs
from models.fidelity.training_gain import (
    BOTH,
    ITEM_MEANS,
    SIMULATED,
    TRAIN,
    GainData,
    TrainingGain,
    TrainingGainSettings,
    training_gain,
)
from models.interactions import Interactions
from models.response.sasrec.settings import SASRecSettings
from tests.support.planted_worlds import N_USERS as N_PLANTED
from tests.support.planted_worlds import planted_world

N_USERS, N_ITEMS, TRAIN_ROWS = 120, 40, 3
SETTINGS = TrainingGainSettings(per_train_row=6, draws=1, resamples=100)
SASREC = SASRecSettings(width=8, heads=1, max_history=30, max_epochs=6, batch_size=16).as_published()


def logits() -> NDArray[np.float64]:
    """Users of two kinds like the one or the other half of the items; some items are liked better by all."""
    kinds, halves = np.arange(N_USERS) % 2 * 2 - 1, np.arange(N_ITEMS) % 2 * 2 - 1
    return 2 * np.outer(kinds, halves) + np.random.default_rng(1).normal(scale=1.5, size=N_ITEMS)


def truth(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
    return expit(logits()[users, items]).astype(np.float32)


def coin(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.full(len(users), 0.5, dtype=np.float32)


def world(shown: Scores) -> GainData:
    """Three train rows, two validation rows and ten test rows a user."""
    rng = np.random.default_rng(0)
    items = np.stack([rng.permutation(N_ITEMS)[: TRAIN_ROWS + 12] for _ in range(N_USERS)])
    likes = rng.random(items.shape) < expit(logits()[np.arange(N_USERS)[:, None], items])

    def rows(start: int, end: int) -> Interactions:
        liked = likes[:, start:end].ravel()
        users = np.repeat(np.arange(N_USERS), end - start)
        ratings = np.where(liked, 5, 1).astype(np.float32)
        return Interactions(users, items[:, start:end].ravel(), liked, ratings, N_USERS, N_ITEMS)

    parts = rows(0, TRAIN_ROWS), rows(TRAIN_ROWS, TRAIN_ROWS + 2), rows(TRAIN_ROWS + 2, TRAIN_ROWS + 12)
    return GainData(*parts, csr_array(np.ones((N_ITEMS, 1), dtype=np.float32)), SASREC, shown)


@cache
def gain(shown: Scores) -> TrainingGain:
    return training_gain(world(shown), SETTINGS, lambda _: None)


@pytest.mark.parametrize("name", ["ease", "matrix_factorisation", "sasrec_paper"])
def test_reactions_of_a_simulator_that_knows_the_truth_help(name: str) -> None:
    sets = gain(truth).recommenders[name]
    for rows in (BOTH, SIMULATED):
        auc = sets[rows].auc
        assert auc.over_train.ci95[0] > 0
        assert auc.over_item_means.ci95[0] > 0
        assert auc.value.ci95[0] <= auc.value.mean <= auc.value.ci95[1]
        assert sets[rows].ndcg.over_train.mean > 0


@pytest.mark.parametrize("name", ["ease", "matrix_factorisation", "sasrec_paper"])
def test_reactions_by_coin_do_not_help(name: str) -> None:
    sets = gain(coin).recommenders[name]
    for rows in (BOTH, SIMULATED):
        assert sets[rows].auc.over_train.ci95[0] <= 0
        assert sets[rows].auc.over_item_means.ci95[0] <= 0


def test_sets_have_their_rows_and_compare_with_themselves_as_equal() -> None:
    sets = gain(truth).recommenders["ease"]
    real = N_USERS * TRAIN_ROWS
    expected = {TRAIN: real, BOTH: 7 * real, SIMULATED: 6 * real, ITEM_MEANS: 7 * real}
    assert {name: fitted.interactions for name, fitted in sets.items()} == expected
    assert sets[TRAIN].auc.over_train.ci95 == (0, 0)
    assert sets[ITEM_MEANS].ndcg.over_item_means.ci95 == (0, 0)
    assert gain(truth).users <= N_USERS
    assert gain(truth).pairs == 10 * gain(truth).users


def test_what_is_simulated_does_not_depend_on_held_out_rows() -> None:
    questions: list[tuple[list[int], list[int]]] = []

    def recorded(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        questions.append((users.tolist(), items.tolist()))
        return truth(users, items)

    data = replace(world(recorded), sasrec=SASREC.model_copy(update={"max_epochs": 1}))
    settings = TrainingGainSettings(draws=2, resamples=5)
    training_gain(data, settings, lambda _: None)
    other = replace(data.test, items=data.test.items[::-1].copy(), likes=~data.test.likes)
    training_gain(replace(data, test=other), settings, lambda _: None)
    first, second = questions[:2]
    assert questions == [first, second, first, second]
    assert first != second, "each draw shows other items"


def test_where_no_list_has_both_reactions_nothing_is_judged() -> None:
    data = world(truth)
    one_kind = replace(data.test, likes=np.ones(len(data.test), dtype=bool))
    judged = training_gain(replace(data, test=one_kind), SETTINGS, lambda _: None)
    assert (judged.users, judged.recommenders) == (0, {})


def test_shown_items_are_unrated_in_train_without_repeats_and_by_fame() -> None:
    rng = np.random.default_rng(0)
    famous, ordinary, unrated = 0, np.arange(1, 30), 30
    rated = [
        [famous, *rng.permutation(ordinary)[:3]] if user % 2 else rng.permutation(ordinary)[:4] for user in range(200)
    ]
    items = np.concatenate(rated).astype(np.int64)
    train = Interactions(
        np.repeat(np.arange(200), 4), items, np.ones(800, dtype=bool), np.full(800, 5, dtype=np.float32), 200, 31
    )
    users, shown = shown_pairs(train, 2.0, rng)
    assert np.bincount(users).tolist() == [8] * 200
    assert unrated not in shown
    for user, (start, end) in enumerate(pairwise(train.offsets)):
        own = shown[users == user]
        assert len(set(own.tolist())) == len(own)
        assert not set(own.tolist()) & set(items[start:end].tolist())
    others = np.bincount(shown, minlength=31)
    assert others[famous] > others[1:30].max()
    assert (shown[users % 2 == 0] == famous).sum() > 60, "by chance 28 of 100 users who have not rated it"


def test_where_nothing_is_left_to_show_the_remedy_is_told() -> None:
    all_rated = Interactions(
        np.repeat(np.arange(2), 2), np.tile(np.arange(2), 2), np.ones(4, dtype=bool), np.ones(4, dtype=np.float32), 2, 3
    )
    with pytest.raises(ValueError, match="use a dataset with more items"):
        shown_pairs(all_rated, 1.0, np.random.default_rng(0))


def test_simulated_rows_are_rated_like_train_rows_and_stand_before_them() -> None:
    train = Interactions(
        np.array([0, 0, 1]), np.array([3, 1, 2]), np.array([True, True, False]), np.array([5.0, 4.0, 2.0]), 2, 5
    )
    simulated = reactions(train, np.array([0, 1, 1]), np.array([0, 0, 4]), np.array([False, True, False]))
    assert simulated.ratings.tolist() == [2.0, 4.5, 2.0]
    both = before(simulated, train)
    assert both.users.tolist() == [0, 0, 0, 1, 1, 1]
    assert both.items.tolist() == [0, 3, 1, 0, 4, 2]
    assert both.likes.tolist() == [False, True, True, True, False, False]
    assert both.ratings.tolist() == [2.0, 5.0, 4.0, 4.5, 2.0, 2.0]
    assert share_drawn(train, both) == 1.0
    assert share_drawn(train, simulated) == 0.0


def test_the_simulator_answers_by_what_is_shown_given_its_train_rows() -> None:
    simulator = planted_world()
    simulator.selection = 1.0
    train = simulator.interactions
    users, items = np.arange(N_PLANTED), np.full(N_PLANTED, 9)
    shown = GainData.of_simulator(simulator, train, train).shown(users, items)
    responses = simulator.respond(users, items, train.histories(users, 20), np.zeros((N_PLANTED, 3)))
    assert shown.tolist() == responses.probability.tolist()
    assert (shown < responses.rated_probability).all()
