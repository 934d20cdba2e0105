"""The vectorised environment as agents see it: with the users' tastes."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from models.environments.sb3 import SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import Tastes

_TASTE_BOUND = 1.0  # means of parts of unit vectors and of shares


class AgentVecEnv(SessionVecEnv):
    """Adds the part "taste" to the observations.

    The last observation of a session has the taste before its last reaction.

    Parameters
    ----------
    simulator, settings, n_envs, seed, explained
        As of `SessionVecEnv`.
    tastes
        Of the same simulator.
    """

    def __init__(
        self,
        simulator: UserSimulator,
        settings: EnvironmentSettings,
        n_envs: int,
        seed: int,
        tastes: Tastes,
        *,
        explained: bool = False,
    ) -> None:
        super().__init__(simulator, settings, n_envs, seed, explained=explained)
        inner, size = self.observation_space, tastes.items.shape[1]
        assert isinstance(inner, spaces.Dict)
        box = spaces.Box(-_TASTE_BOUND, _TASTE_BOUND, (size,), dtype=np.float32)
        self.observation_space = spaces.Dict({**inner.spaces, "taste": box})
        self._tastes, self._last = tastes.running(n_envs), np.zeros((n_envs, size), dtype=np.float32)

    def _observe(self) -> dict[str, NDArray[np.number]]:
        self._last = self._tastes.users(self.sessions.histories)
        return {**super()._observe(), "taste": self._last}

    def _ended(self, rows: NDArray[np.int64], looked: dict[str, NDArray[np.number]]) -> dict[str, NDArray[np.number]]:
        return {**looked, "taste": self._last[rows]}
