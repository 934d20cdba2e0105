from __future__ import annotations

import json
import math

import pytest

from models.reading.token_probabilities import RatingScale, read_yes_no

FIVE = RatingScale(1, 5, 3)


def pairs(*likeliest: tuple[str, float]) -> str:
    return json.dumps([[token, math.log(p)] for token, p in likeliest])


def test_a_rating_is_expected_over_the_digits_of_the_scale_alone() -> None:
    reading = FIVE.read(pairs(("4", 0.3), (" 4", 0.1), ("2", 0.4), ("I", 0.1), ("7", 0.1)))
    assert reading.expected == pytest.approx(3.0)
    assert reading.probability == pytest.approx(0.5)
    assert reading.mass == pytest.approx(0.8)


def test_a_scale_beyond_nine_is_asked_for_in_halves() -> None:
    ten = RatingScale(1, 10, 6)
    assert list(ten.digits) == [1, 2, 3, 4, 5]
    assert (ten.shown(7), ten.shown(10), ten.shown(6.3)) == ("3.5", "5", "3.1")
    reading = ten.read(pairs(("3", 0.25), ("2", 0.25), ("5", 0.5)))
    assert reading.expected == pytest.approx(7.5)
    assert reading.probability == pytest.approx(0.75), "3 stands for 6, the least rating of a like"


@pytest.mark.parametrize(
    ("scale", "digits"),
    [(FIVE, [1, 2, 3, 4, 5]), (RatingScale(0.5, 5, 3), [1, 2, 3, 4, 5]), (RatingScale(0, 10, 6), [0, 1, 2, 3, 4, 5])],
)
def test_answers_are_the_whole_numbers_of_the_scale(scale: RatingScale, digits: list[int]) -> None:
    assert list(scale.digits) == digits


def test_yes_is_weighed_against_no_in_any_spelling() -> None:
    reading = read_yes_no(pairs(("Yes", 0.2), (" yes", 0.1), ("No.", 0.1), ("Maybe", 0.5)))
    assert reading.probability == pytest.approx(0.75)
    assert reading.mass == pytest.approx(0.4)


def test_answers_that_are_none_say_why() -> None:
    with pytest.raises(ValueError, match="none of 1, 2, 3, 4, 5"):
        FIVE.read(pairs(("Well", 0.9)))
    with pytest.raises(ValueError, match="neither yes nor no"):
        read_yes_no(pairs(("Perhaps", 0.9)))
    for read in (FIVE.read, read_yes_no):
        with pytest.raises(ValueError, match="gave no log-probabilities"):
            read("")


def test_impossible_tokens_do_not_count() -> None:
    reading = FIVE.read('[["5", 0.0], ["1", -Infinity]]')
    assert (reading.expected, reading.probability) == (5.0, 1.0)
