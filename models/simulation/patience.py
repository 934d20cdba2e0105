"""How long users stay: the chance that a session ends after a reaction, learned from where real sessions ended.

The paper ends a session with the same chance after every step. Here that chance is a hazard: a logistic regression over
the steps of real sessions on how many there were and on what the user liked of late, which is discrete-time survival
analysis (Cox 1972; Singer and Willett, "It's about time", 1993). Users who leave a recommender that disappoints them
are what makes such an environment more than a bandit (Ben-Porat et al., AAAI 2022, arXiv 2203.13423). A session ends
where the next interaction comes later than a gap (Halfaker et al., WWW 2015, arXiv 1411.2878). Whether it ended after
a user's last training interaction is not known, so that step is left out (censored).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.estimators.logistic import LogisticModel
from models.interactions import Interactions
from models.metrics.classification import log_losses

FEATURE_NAMES = ("log_step", "log_step_squared", "last_like", "recent_like_rate", "dislikes_in_a_row")
RECENT = 5  # reactions that count as recent, of earlier sessions as well
_FEWEST = 30  # ends, and steps without one, that a hazard can be learned from
_PENALTY = 1.0


class PatienceFit(BaseModel):
    """How well the hazard foretells the ends of sessions, beside a constant one.

    Log-losses are means over the steps whose sequel is a validation row; the constant is the rate among train rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_steps: int = Field(description="steps of train rows whose sequel is a train row")
    train_ends: int = Field(description="sessions that ended after one of them")
    validation_steps: int = Field(description="steps whose sequel is a validation row")
    log_loss: float | None = Field(description="of the hazard; null without validation steps")
    constant_log_loss: float | None = Field(description="of the constant")
    difference_ci95: tuple[float, float] | None = Field(description="constant_log_loss - log_loss, 95 %, over users")
    weights: dict[str, float] = Field(description="logits a standard deviation of each feature")

    @property
    def constant(self) -> float:
        """Share of train steps that ended a session."""
        return self.train_ends / self.train_steps


@dataclass(frozen=True)
class Steps:
    """n steps of real sessions after which it is known whether the session went on.

    Parameters
    ----------
    features
        float32 array of shape (n, f), f as `FEATURE_NAMES`.
    ended
        bool array of shape (n,): the session ended after the step.
    users
        int64 array of shape (n,): whose.
    """

    features: NDArray[np.float32]
    ended: NDArray[np.bool_]
    users: NDArray[np.int64]

    @classmethod
    def of(cls, interactions: Interactions, times: NDArray[np.int64], gap: float, counted: NDArray[np.bool_]) -> Self:
        """Steps whose sequel is counted.

        Parameters
        ----------
        interactions
            Sorted by user and time.
        times
            int64 array of shape (n,): seconds.
        gap
            Seconds without an interaction that end a session.
        counted
            bool array of shape (n,): interactions that a step may lead to.
        """
        n = len(interactions)
        follows = np.zeros(n, dtype=bool)  # the row before is the same user's
        follows[1:] = interactions.users[1:] == interactions.users[:-1]
        new = np.ones(n, dtype=bool)  # begins a session
        new[1:] = ~follows[1:] | (np.diff(times) > gap)
        rows = np.arange(n)
        step = rows - np.maximum.accumulate(np.where(new, rows, 0)) + 1  # in the session, from 1
        number = rows - np.maximum.accumulate(np.where(follows, 0, rows)) + 1
        sequels = np.flatnonzero(follows & counted)
        chosen = sequels - 1
        back = np.arange(RECENT)
        there = back < number[chosen, None]  # latest first
        likes = interactions.likes[np.maximum(chosen[:, None] - back, 0)] & there
        return cls(step_features(step[chosen], likes, there), new[sequels], interactions.users[chosen])

    def __len__(self) -> int:
        return len(self.ended)


def step_features(steps: NDArray[np.int64], likes: NDArray[np.bool_], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What the hazard rests on: float32 array of shape (b, f).

    Parameters
    ----------
    steps
        int64 array of shape (b,): steps of the session so far, from 1.
    likes, there
        bool arrays of shape (b, RECENT): the last reactions, latest first; whether there was one.
    """
    log_steps = np.log(steps)
    disliked = np.cumprod(there & ~likes, axis=1).sum(axis=1)
    rate = likes.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.stack([log_steps, log_steps**2, likes[:, 0], rate, disliked], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Patience:
    """The learned hazard.

    Parameters
    ----------
    hazard
        Logistic regression on `FEATURE_NAMES`.
    """

    hazard: LogisticModel

    @classmethod
    def fit(cls, train: Steps) -> Self:
        """Learn from steps between train rows.

        Raises
        ------
        ValueError
            Where too few sessions end or go on to learn from.
        """
        ends = int(train.ended.sum())
        if min(ends, len(train) - ends) < _FEWEST:
            raise ValueError(
                f"of {len(train):,} steps between train rows {ends:,} end a session; a hazard needs {_FEWEST} that do "
                f"and {_FEWEST} that do not"
            )
        return cls(LogisticModel.fit(FEATURE_NAMES, train.features, train.ended, penalty=_PENALTY))

    def chances(
        self, steps: NDArray[np.int64], likes: NDArray[np.bool_], there: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """P(the session ends now): float32 array of shape (b,); parameters as in `step_features`."""
        return self.hazard.probabilities(step_features(steps, likes, there))

    def assess(self, train: Steps, validation: Steps) -> PatienceFit:
        """The hazard against the constant one on steps that lead to validation rows."""
        constant = float(train.ended.mean())
        own = log_losses(validation.ended, self.hazard.probabilities(validation.features))
        other = log_losses(validation.ended, np.full(len(validation), constant, dtype=np.float32))
        n = len(validation)
        return PatienceFit(
            train_steps=len(train),
            train_ends=int(train.ended.sum()),
            validation_steps=n,
            log_loss=float(own.mean()) if n else None,
            constant_log_loss=float(other.mean()) if n else None,
            difference_ci95=_clustered_interval(other - own, validation.users) if n else None,
            weights=dict(zip(FEATURE_NAMES, self.hazard.coefficients, strict=True)),
        )


def _clustered_interval(values: NDArray[np.float64], users: NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of a mean whose rows of one user depend on each other."""
    mean = float(values.mean())
    by_user = np.bincount(users, weights=values - mean)
    error = 1.96 * float(np.sqrt((by_user**2).sum())) / len(values)
    return mean - error, mean + error
