"""Result of comparing policies on simulated users: report/reinforcement.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Estimate(_Part):
    """A mean and its 95 % interval."""

    mean: float
    ci95: Interval


class PolicyScores(_Part):
    """A policy's row of the reinforcement-learning table."""

    average_reward: Estimate
    total_reward: Estimate
    liking_at_10: Estimate
    coverage: Estimate
    training_seconds: float | None = None
    over_popularity: Estimate | None = None


class Reinforcement(_Part):
    """report/reinforcement.json."""

    dataset: str
    steps: int
    seeds: int | tuple[int, ...]
    episodes: int
    catalogue: int | None = None
    reward: str | None = None
    users: str | None = None
    policies: dict[str, PolicyScores]
    learning_curves: dict[str, tuple[tuple[float, float], ...]] = {}
