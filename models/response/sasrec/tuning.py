"""Which settings suit a dataset: one setting after another, judged by validation pairs.

Each value of a setting is tried with the others as they are, and the best takes the place of what was there before only
where its gain in validation AUC has an interval above zero (users resampled, pairs matched): so many values are tried
that the highest alone would be chance. One pass, in the order of the grid: what matters most comes first in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from models.metrics.classification import UserBootstrap, auc

SettingsT = TypeVar("SettingsT", bound=BaseModel)
Value = int | float | bool | str
Grid = Mapping[str, Sequence[Value]]
"""Values to try of each setting."""

SASREC_GRID: Grid = {
    "weight_decay": (10.0, 30.0, 120.0),
    "dropout": (0.1, 0.5),
    "width": (16, 64),
    "learning_rate": (0.001, 0.01),
    "blocks": (0, 2),
    "max_history": (50, 200),
    "statistics_history": (50, 500),
    "batch_size": (16, 256),
}


@dataclass(frozen=True)
class Trial:
    """One value of one setting, beside the best settings before it.

    Parameters
    ----------
    setting, value
        What was changed; "" and "" for the settings that tuning begins with.
    auc
        On validation pairs.
    gain, gain_ci95
        Its AUC less that of the settings before, with the 95 % interval.
    kept
        Whether it took their place.
    """

    setting: str
    value: Value
    auc: float
    gain: float
    gain_ci95: tuple[float, float]
    kept: bool


@dataclass(frozen=True)
class Tuned:
    """What tuning came to: the trials in order, and the settings that differ from those it began with."""

    trials: tuple[Trial, ...]
    changes: Mapping[str, Value]


def tune(
    settings: SettingsT,
    grid: Grid,
    predict: Callable[[SettingsT], NDArray[np.float32]],
    bootstrap: UserBootstrap,
) -> Tuned:
    """Try the grid's values, one setting after another.

    Parameters
    ----------
    settings
        What is begun with.
    grid
        Values of each setting; one that is there already is not tried.
    predict
        Fits a model and returns what it scores n validation pairs: float32 (n,).
    bootstrap
        Of the n pairs' users and likes.

    Raises
    ------
    ValueError
        Where a setting is unknown or out of its range; nothing has been tried then.
    """
    for name, values in grid.items():
        for value in values:
            _changed(settings, name, value)
    likes, best = bootstrap.likes, predict(settings)
    trials, changes = [Trial("", "", auc(likes, best), 0.0, (0.0, 0.0), kept=True)], {}
    for name, values in grid.items():
        tried = [value for value in values if value != getattr(settings, name)]
        scores = [predict(_changed(settings, name, value)) for value in tried]
        aucs, intervals = [auc(likes, s) for s in scores], [bootstrap.difference_interval(s, best) for s in scores]
        able = [place for place, (low, _) in enumerate(intervals) if low > 0]
        chosen = max(able, key=lambda place: aucs[place], default=None)
        before = auc(likes, best)
        for place, value in enumerate(tried):
            low, high = intervals[place]
            trials.append(Trial(name, value, aucs[place], aucs[place] - before, (low, high), kept=place == chosen))
        if chosen is not None:
            settings, best, changes[name] = _changed(settings, name, tried[chosen]), scores[chosen], tried[chosen]
    return Tuned(tuple(trials), changes)


def _changed(settings: SettingsT, name: str, value: Value) -> SettingsT:
    """The settings with another value, checked."""
    if name not in type(settings).model_fields:
        raise ValueError(f"{name}: no such setting; known are {', '.join(type(settings).model_fields)}")
    return type(settings).model_validate(settings.model_dump() | {name: value})
