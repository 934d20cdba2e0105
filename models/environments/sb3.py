"""The same environment for Stable-Baselines3: hundreds of sessions in one process, stepped as arrays.

Seeded with s, its session k goes exactly as a `RecommendEnv` seeded with s + k.
"""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from models.environments.gym import infos, observation_space
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator


class SessionVecEnv(VecEnv):
    """`n_envs` sessions; one that ends begins anew at once, as Stable-Baselines3 expects.

    Parameters
    ----------
    simulator
        The audience.
    settings
        Rules of a session.
    n_envs
        Number of sessions.
    seed
        Session k gets seed + k, until `seed()` is called.
    explained
        Whether infos say what each step was about, and how a session that ended by chance looked at last: nothing
        follows on that, unlike where it was cut off. Learners do not ask, and go faster without.
    """

    def __init__(
        self,
        simulator: UserSimulator,
        settings: EnvironmentSettings,
        n_envs: int,
        seed: int,
        *,
        explained: bool = True,
    ) -> None:
        self.render_mode = None
        self._simulator, self._settings, self._explained = simulator, settings, explained
        self._sessions = SessionBatch(simulator, settings, range(seed, seed + n_envs), explained=explained)
        self._actions: NDArray[np.number] = np.zeros(n_envs, dtype=np.int64)
        super().__init__(n_envs, observation_space(self._sessions), self._sessions.action_space.space)
        self.seed(seed)

    @property
    def sessions(self) -> SessionBatch:
        """The running sessions."""
        return self._sessions

    def reset(self) -> VecEnvObs:
        """Begin a session everywhere; where `seed()` was called, from the start of its random stream."""
        seeds = [seed for seed in self._seeds if seed is not None]
        if seeds:
            self._sessions = SessionBatch(self._simulator, self._settings, seeds, explained=self._explained)
            self._reset_seeds()
        else:
            self._sessions.begin(np.arange(self.num_envs))
        self.reset_infos = [{"user": user} for user in self._sessions.users.tolist()]
        return self._observe()

    def action_masks(self) -> NDArray[np.bool_]:
        """What may be chosen, a row each session: having it is how MaskablePPO knows its environments."""
        return self._sessions.action_space.masks(self._sessions)

    def step_async(self, actions: NDArray[np.number]) -> None:
        """Take the actions of the next step, one each session."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Step all sessions; of one that ends, the info keeps the last observation and the result has the first."""
        sessions = self._sessions
        if self._explained:
            outcome = sessions.act(self._actions)
            rewards, done, truncated = outcome.rewards, outcome.done, outcome.truncated
            told, remembered = infos(sessions, outcome), done.nonzero()[0]
            looked = sessions.observations(remembered) if len(remembered) else {}
            sessions.begin(remembered)
        else:
            rewards, done, truncated, looked = sessions.advance(self._actions)
            told, remembered = [], truncated.nonzero()[0]
        details = self._details(truncated, told)
        if len(remembered):
            parts = self._ended(remembered, looked)
            for place, row in enumerate(remembered.tolist()):
                details[row]["terminal_observation"] = {name: part[place] for name, part in parts.items()}
        ended = done.nonzero()[0]
        for row, user in zip(ended.tolist(), sessions.users[ended].tolist(), strict=True):
            self.reset_infos[row] = {"user": user}
        return self._observe(), rewards, done, details

    def _observe(self) -> dict[str, NDArray[np.number]]:
        """All sessions as they are."""
        return self._sessions.observations()

    def _ended(self, rows: NDArray[np.int64], looked: dict[str, NDArray[np.number]]) -> dict[str, NDArray[np.number]]:
        """How the sessions in `rows`, which ended, looked at last, of which `sessions` say so much."""
        return looked

    def _details(self, truncated: NDArray[np.bool_], told: list[dict[str, object]]) -> list[dict[str, object]]:
        """An info for each session, with what is told of it; those that go on and are not explained share one."""
        details: list[dict[str, object]] = [{"TimeLimit.truncated": False}] * self.num_envs
        for row in truncated.nonzero()[0].tolist():
            details[row] = {"TimeLimit.truncated": True}
        return [info | detail for info, detail in zip(details, told, strict=True)] if told else details

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[object]:
        """The attribute, the same for every session."""
        return [getattr(self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Refused: the sessions share their attributes."""
        raise ValueError(f"cannot set {attr_name!r}: the sessions of a batch have no attributes of their own")

    def env_method(
        self, method_name: str, *method_args: object, indices: VecEnvIndices = None, **method_kwargs: object
    ) -> list[object]:
        """A row of `action_masks` for each session; a session has no other method."""
        if method_name == "action_masks":
            return list(self.action_masks()[self._rows(indices)])
        raise ValueError(f"cannot call {method_name!r}: the sessions of a batch have no methods of their own")

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """False for every session."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: VecEnvIndices) -> Sequence[int]:
        return list(self._get_indices(indices))
