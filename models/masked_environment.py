"""The vectorised environment with the method that MaskablePPO asks for: which actions may be taken now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from models.vector_environment import SessionVecEnv


class MaskedVecEnv(SessionVecEnv):
    """A `SessionVecEnv` with action masks."""

    def action_masks(self) -> NDArray[np.bool_]:
        """bool array of shape (n_envs, n_actions): what the user has not seen."""
        return ~self.sessions.seen

    def env_method(
        self, method_name: str, *method_args: object, indices: VecEnvIndices = None, **method_kwargs: object
    ) -> list[object]:
        """A row of `action_masks` for each session; a session has no other method."""
        if method_name != "action_masks":
            return super().env_method(method_name, *method_args, indices=indices, **method_kwargs)
        return list(self.action_masks()[list(self._get_indices(indices))])
