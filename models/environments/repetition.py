"""A warning to whoever trains an agent that recommends what it cannot: what users have seen already."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from models.simulation.settings import EnvironmentSettings

WINDOW = 200  # steps looked at together: a handful of sessions
FOR_AGENTS = (
    'the observation "seen" and action_masks() tell what is open: MaskablePPO asks for these masks, and agents with '
    "recaudience.sb3_arguments choose nothing else"
)


class RepetitionWarning(UserWarning):
    """Most of what an agent recommends was seen already."""


class RepetitionWatch:
    """Warns once where more than half of `WINDOW` steps in a row had an invalid action.

    Parameters
    ----------
    remedy
        What the warning advises.
    """

    def __init__(self, remedy: str = FOR_AGENTS) -> None:
        self._remedy = remedy
        self._steps = self._invalid = 0
        self._warned = False

    def count(self, invalid: NDArray[np.bool_], settings: EnvironmentSettings) -> None:
        """Take in a step of b sessions.

        Parameters
        ----------
        invalid
            bool array of shape (b,): `StepResult.invalid`.
        settings
            Rules of these sessions.
        """
        if self._warned:
            return
        self._steps += len(invalid)
        self._invalid += int(invalid.sum())
        if self._steps < WINDOW:
            return
        if 2 * self._invalid > self._steps:
            self._warned = True
            effect = (
                "and an open item stood in for each (info['item'] names it), so rewards are not those of its choice"
                if settings.seen_items == "mask"
                else "which earns nothing (seen_items='penalise')"
            )
            message = (
                f"the agent repeats itself: {self._invalid} of {self._steps} recommendations were of items that their "
                f"users had seen already, {effect}; {self._remedy}"
            )
            warnings.warn(message, RepetitionWarning, stacklevel=3)
        self._steps = self._invalid = 0
