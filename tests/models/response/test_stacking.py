import numpy as np
import pytest

from models.estimators.logistic import LogisticModel
from models.response.stacking import PenaltyChoices, StackDesign, choose_penalty

USERS = np.repeat(np.arange(200), 5)
NAMES = tuple("abcdefghij")


def test_cross_validation_departs_from_a_wrong_prior_and_stays_with_a_right_one() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1000, 10)).astype(np.float32)
    likes = rng.random(1000) < 1 / (1 + np.exp(-2 * features[:, 0]))
    choices = PenaltyChoices((1.0, 1e4))
    chosen = [
        choose_penalty(StackDesign(NAMES, prior, ()), features, likes, USERS, choices, seed=0).penalty
        for prior in ({"a": -2.0}, {"a": 2.0})
    ]
    assert chosen == [1.0, 1e4]


@pytest.mark.parametrize("helps", [(True, True), (True, False), (False, True), (False, False)])
def test_each_part_in_doubt_is_kept_out_unless_it_helps(helps: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(0)
    features, parts = rng.normal(size=(1000, 10)).astype(np.float32), (NAMES[1:5], NAMES[5:])
    weights = [2.0, *(2.0 * helps[0],) * 4, *(2.0 * helps[1],) * 5]
    likes = rng.random(1000) < 1 / (1 + np.exp(-(features @ np.array(weights))))
    choices = PenaltyChoices((1.0,), (1.0, 1e6))
    chosen = choose_penalty(StackDesign(NAMES, {"a": 2.0}, parts), features, likes, USERS, choices, seed=0)
    assert [chosen.stiffness[part[0]] == 1.0 for part in parts] == list(helps)
    fitted = LogisticModel.fit(NAMES, features, likes, prior={"a": 2.0}, stiffness=chosen.stiffness)
    found = [np.abs(fitted.coefficients[1:5]).max() > 0.1, np.abs(fitted.coefficients[5:]).max() > 0.1]
    assert found == list(helps)
    assert abs(fitted.coefficients[0]) > 0.3


def test_what_is_held_keeps_its_prior_whatever_validation_pairs_say() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1000, 10)).astype(np.float32)
    likes = rng.random(1000) < 1 / (1 + np.exp(-2 * features[:, 0] - features[:, 1]))
    design = StackDesign(NAMES, {"a": -1.0, "b": -1.0}, (), held=("b",))
    chosen = choose_penalty(design, features, likes, USERS, PenaltyChoices((1.0,)), seed=0)
    fitted = LogisticModel.fit(
        NAMES, features, likes, penalty=chosen.penalty, prior=design.prior, stiffness=chosen.stiffness
    )
    weights = np.array(fitted.coefficients) / fitted.scales
    assert weights[0] > 1
    assert weights[1] == pytest.approx(-1, abs=0.1)


def test_a_single_user_cannot_move_the_stack_from_its_prior() -> None:
    features = np.array([[0.0], [1.0]], dtype=np.float32)
    likes, users = np.array([True, False]), np.zeros(2, dtype=np.int64)
    choices = PenaltyChoices((1.0, 9.0, 3.0), (1.0, 30.0))
    chosen = choose_penalty(StackDesign(("a",), {}, (("a",),)), features, likes, users, choices, seed=0)
    assert (chosen.penalty, chosen.stiffness) == (9.0, {"a": 30.0})
