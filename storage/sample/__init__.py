"""The generated sample world: places, people, reviews, and the truth behind them."""

from __future__ import annotations

from storage.sample.aspects import load_categories
from storage.sample.world import SampleWorld, generate

__all__ = ["SampleWorld", "generate", "load_categories"]
