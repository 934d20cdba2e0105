"""Readers of what each publisher ships, by the name that dataset profiles use."""

from __future__ import annotations

from storage.adapters.registry import ADAPTERS, Adapter

__all__ = ["ADAPTERS", "Adapter"]
