"""Base of all measured results: each is written to a report's JSON file and read back, checked, as the same type."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]
"""Ends of a 95 % interval."""


class Result(BaseModel):
    """A measured result; unknown or missing fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
