"""Tuning: a value is kept where it is better by more than chance, and later settings are tried beside it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.metrics.classification import UserBootstrap, auc
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.tuning import SASREC_GRID, Value, tune

N = 400


class Dial(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    loudness: float = Field(default=0.0, ge=0)
    bass: float = 0.0
    treble: float = 0.0


@pytest.fixture
def pairs() -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    """Users, likes and noise of N pairs."""
    rng = np.random.default_rng(0)
    return np.arange(N) // 2, rng.random(N) < 0.5, rng.normal(size=N).astype(np.float32)


def test_what_helps_is_kept_and_what_does_not_is_left(
    pairs: tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]],
) -> None:
    users, likes, noise = pairs
    asked: list[Dial] = []

    def predict(dial: Dial) -> NDArray[np.float32]:
        """The nearer bass is to 2 the better; treble hardly matters; loudness only where there is bass."""
        asked.append(dial)
        use = 2 - abs(dial.bass - 2) + dial.loudness * (dial.bass > 0) - 1e-6 * dial.treble
        return noise + np.float32(use) * likes

    grid: dict[str, list[Value]] = {"bass": [1.0, 2.0, 0.0], "treble": [5.0], "loudness": [1.0]}
    tuned = tune(Dial(), grid, predict, UserBootstrap(users, likes))
    assert dict(tuned.changes) == {"bass": 2.0, "loudness": 1.0}
    assert asked == [
        Dial(),
        Dial(bass=1.0),
        Dial(bass=2.0),  # not 0.0 again
        Dial(bass=2.0, treble=5.0),
        Dial(bass=2.0, loudness=1.0),
    ]
    assert [(trial.setting, trial.value, trial.kept) for trial in tuned.trials] == [
        ("", "", True),
        ("bass", 1.0, False),
        ("bass", 2.0, True),
        ("treble", 5.0, False),
        ("loudness", 1.0, True),
    ]
    first, _, best, *_ = tuned.trials
    assert first.auc == auc(likes, noise)
    assert best.gain == pytest.approx(best.auc - first.auc)
    assert all(trial.gain_ci95[0] <= trial.gain <= trial.gain_ci95[1] for trial in tuned.trials)
    assert all(
        trial.kept == (trial.gain_ci95[0] > 0) for trial in tuned.trials if trial.setting in {"treble", "loudness"}
    )


@pytest.mark.parametrize(
    ("grid", "message"), [({"base": [1.0]}, "base: no such setting"), ({"bass": [1.0], "loudness": [-1.0]}, "loudness")]
)
def test_a_wrong_grid_is_refused_before_anything_is_tried(grid: dict[str, list[Value]], message: str) -> None:
    def never(_: Dial) -> NDArray[np.float32]:
        raise AssertionError

    with pytest.raises(ValueError, match=message):
        tune(Dial(), grid, never, UserBootstrap(np.arange(2), np.array([True, False])))


def test_pairs_of_one_kind_change_nothing() -> None:
    bootstrap = UserBootstrap(np.arange(4), np.ones(4, bool))
    tuned = tune(Dial(), {"bass": [1.0]}, lambda dial: np.full(4, dial.bass, np.float32), bootstrap)
    assert not tuned.changes


def test_the_usual_grid_is_of_settings_that_there_are() -> None:
    for name, values in SASREC_GRID.items():
        for value in values:
            assert value != getattr(SASRecSettings(), name)
            SASRecSettings.model_validate({name: value})
