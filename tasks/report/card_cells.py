"""How numbers read in the tables of the fidelity card."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float, interval: Sequence[float] | None = None) -> str:
    """Three digits, with the interval in brackets where there is one."""
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def signed(value: float | None, interval: Sequence[float] | None) -> str:
    """A difference with its interval; a dash where it could not be measured."""
    if value is None or interval is None:
        return "–"
    return f"{value:+.4f} [{interval[0]:+.4f}, {interval[1]:+.4f}]"


def plain(value: object) -> str:
    """Three digits of a fraction; anything else as it is."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
