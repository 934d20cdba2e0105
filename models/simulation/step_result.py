"""What a step of running sessions brought: recommendations, reactions, rewards, ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.simulator import Responses
from models.simulation.slates import Slates


@dataclass(frozen=True)
class Outcome:
    """What one step brought, in b sessions.

    Parameters
    ----------
    items, actions
        int64 arrays of shape (b,): what was recommended, and its place in the catalogue; of a slate what was taken,
        `NO_ITEM` for nothing.
    responses
        The users' reactions.
    repeated
        bool array of shape (b,): the user had seen the item, so it earned nothing and did not join the history.
    rewards
        float32 array of shape (b,).
    novelties, diversities
        float32 arrays of shape (b,): terms of the rewards before they are weighed; 0 where their weight is 0.
    terminated, truncated
        bool arrays of shape (b,): ended by chance, cut off at `max_steps`.
    slates
        What the choice was from, where slates are shown.
    """

    items: NDArray[np.int64]
    actions: NDArray[np.int64]
    responses: Responses
    repeated: NDArray[np.bool_]
    rewards: NDArray[np.float32]
    novelties: NDArray[np.float32]
    diversities: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    slates: Slates | None = None

    @property
    def done(self) -> NDArray[np.bool_]:
        """bool array of shape (b,): ended in either way."""
        return self.terminated | self.truncated
