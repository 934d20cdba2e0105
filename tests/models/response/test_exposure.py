import numpy as np
import pytest

from models.response.exposure import Choices, Selection, drawn_choices, selection_slope
from tests.support.worlds import tiny_world


def test_the_slope_of_simulated_choices_is_found_again() -> None:
    rng, n, slope = np.random.default_rng(0), 4000, 0.4
    logits = rng.normal(size=(n, 6))
    chances = np.exp(slope * logits)
    chosen = np.array([rng.choice(6, p=row / row.sum()) for row in chances])
    rows = np.arange(n)
    logits[rows, chosen], logits[:, 0] = logits[:, 0].copy(), logits[rows, chosen].copy()
    choices = Choices(np.zeros(n, dtype=np.int64), np.zeros((n, 6), dtype=np.int64), np.ones((n, 6), dtype=bool))
    assert selection_slope(choices, logits) == pytest.approx(slope, abs=0.06)
    assert selection_slope(choices, -logits) == pytest.approx(0, abs=1e-3)  # nobody chooses what they dislike


def test_alternatives_that_the_user_rated_are_closed() -> None:
    train = tiny_world(0).interactions
    choices = drawn_choices(train, 50, seed=0)
    rated = set(zip(train.users.tolist(), train.items.tolist(), strict=True))
    for user, items, opened in zip(choices.users.tolist(), choices.items, choices.open, strict=True):
        assert opened[0]
        assert (user, int(items[0])) in rated
        assert [(user, item) not in rated for item in items[1:].tolist()] == opened[1:].tolist()


def test_without_choice_or_foresight_nothing_is_taken() -> None:
    assert Selection(0.0, 0.5).shift == Selection(0.3, 0.0).shift == 0
    assert Selection(0.2, 0.5).shift == pytest.approx(0.2 * 0.5 * np.pi**2 / 3)
