"""The vectorised environment as agents see it: with the users' tastes."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from models.sessions import SessionBatch
from models.tastes import Tastes
from models.vector_environment import SessionVecEnv

_TASTE_BOUND = 1.0  # means of parts of unit vectors and of shares


class AgentVecEnv(VecEnvWrapper):
    """Adds the part "taste" to the observations of a `SessionVecEnv`.

    The last observation of a session has the taste before its last reaction.

    Parameters
    ----------
    environment
        Whose sessions.
    tastes
        Of the same simulator.
    """

    def __init__(self, environment: SessionVecEnv, tastes: Tastes) -> None:
        self._environment, self._tastes = environment, tastes.running(environment.num_envs)
        inner = environment.observation_space
        assert isinstance(inner, spaces.Dict)
        box = spaces.Box(-_TASTE_BOUND, _TASTE_BOUND, (tastes.items.shape[1],), dtype=np.float32)
        super().__init__(environment, observation_space=spaces.Dict({**inner.spaces, "taste": box}))
        self._last = np.zeros((environment.num_envs, tastes.items.shape[1]), dtype=np.float32)

    @property
    def sessions(self) -> SessionBatch:
        """The running sessions."""
        return self._environment.sessions

    def reset(self) -> VecEnvObs:
        """Begin a session everywhere."""
        return self._with_taste(self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        """Step all sessions."""
        before = self._last
        observations, rewards, dones, infos = self.venv.step_wait()
        for row in dones.nonzero()[0].tolist():
            if "terminal_observation" in infos[row]:
                infos[row]["terminal_observation"]["taste"] = before[row]
        return self._with_taste(observations), rewards, dones, infos

    def _with_taste(self, observations: VecEnvObs) -> VecEnvObs:
        assert isinstance(observations, dict)
        self._last = self._tastes.users(self.sessions.histories)
        return {**observations, "taste": self._last}
