"""The same environment for Stable-Baselines3: hundreds of sessions in one process, stepped as arrays.

Seeded with s, its session k goes exactly as a `RecommendEnv` seeded with s + k.
"""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from models.environments.actions import checked_actions
from models.environments.gym import infos, observation_space
from models.environments.repetition import RepetitionWatch
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.step_result import StepResult
from models.simulation.user_vectors import Tastes

_TASTE_BOUND = 1.0  # means of parts of unit vectors and of shares


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
    with_infos
        Whether infos describe each step, and hold the last observation of a session that ended by chance: nothing
        follows on that, unlike where it was cut off. Learners do not need them and go faster without.
    """

    def __init__(
        self,
        simulator: UserSimulator,
        settings: EnvironmentSettings,
        n_envs: int,
        seed: int,
        *,
        with_infos: bool = True,
    ) -> None:
        self.render_mode = None
        self._simulator, self._settings, self._with_infos = simulator, settings, with_infos
        self._sessions = Sessions(simulator, settings, range(seed, seed + n_envs))
        self._watch = RepetitionWatch()
        self._actions: NDArray[np.number] = np.zeros(n_envs, dtype=np.int64)
        super().__init__(n_envs, observation_space(self._sessions), self._sessions.action_space.space)
        self.seed(seed)

    @property
    def sessions(self) -> Sessions:
        """The running sessions."""
        return self._sessions

    def reset(self) -> VecEnvObs:
        """Begin a session everywhere; where `seed()` was called, from the start of its random stream."""
        seeds = [seed for seed in self._seeds if seed is not None]
        if seeds:
            self._sessions = Sessions(self._simulator, self._settings, seeds)
            self._reset_seeds()
        else:
            self._sessions.begin(np.arange(self.num_envs))
        self.reset_infos = [{"user": user} for user in self._sessions.users.tolist()]
        return self._observe()

    def action_masks(self) -> NDArray[np.bool_]:
        """What may be chosen, a row each session: having it is how MaskablePPO knows its environments."""
        return self._sessions.action_space.masks(self._sessions)

    def step_async(self, actions: NDArray[np.number]) -> None:
        """Take the actions of the next step, one each session; ValueError where one is none of the action space."""
        self._actions = checked_actions(self.action_space, actions, self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """Step all sessions; of one that ends, the info keeps the last observation and the result has the first."""
        sessions, places = self._sessions, self._sessions.action_space.resolve(self._sessions, self._actions)
        result = sessions.step(places)
        self._watch.count(result.invalid, self._settings)
        details = self._details(result)
        last = np.flatnonzero(result.done if self._with_infos else result.truncated)
        if len(last):
            parts = self._observe(last)
            for place, row in enumerate(last.tolist()):
                details[row]["terminal_observation"] = {name: part[place] for name, part in parts.items()}
        ended = np.flatnonzero(result.done)
        sessions.begin(ended)
        for row, user in zip(ended.tolist(), sessions.users[ended].tolist(), strict=True):
            self.reset_infos[row] = {"user": user}
        return self._observe(), result.rewards, result.done, details

    def _observe(self, rows: NDArray[np.int64] | None = None) -> dict[str, NDArray[np.number]]:
        """All sessions as they are, or those in `rows`."""
        return self._sessions.observations(rows)

    def _details(self, result: StepResult) -> list[dict[str, object]]:
        """An info for each session; without infos, sessions that go on share one."""
        if self._with_infos:
            cut_off = result.truncated.tolist()
            return [
                info | {"TimeLimit.truncated": truncated}
                for info, truncated in zip(infos(self._sessions, result), cut_off, strict=True)
            ]
        details: list[dict[str, object]] = [{"TimeLimit.truncated": False}] * self.num_envs
        for row in np.flatnonzero(result.truncated).tolist():
            details[row] = {"TimeLimit.truncated": True}
        return details

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


class AgentVecEnv(SessionVecEnv):
    """The environment as agents see it: adds the users' tastes, "taste", to the observations.

    Parameters
    ----------
    simulator, settings, n_envs, seed, with_infos
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
        with_infos: bool = False,
    ) -> None:
        super().__init__(simulator, settings, n_envs, seed, with_infos=with_infos)
        inner, self._tastes = self.observation_space, tastes
        assert isinstance(inner, spaces.Dict)
        box = spaces.Box(-_TASTE_BOUND, _TASTE_BOUND, (tastes.items.shape[1],), dtype=np.float32)
        self.observation_space = spaces.Dict({**inner.spaces, "taste": box})

    @property
    def tastes(self) -> Tastes:
        """What users and items are described by."""
        return self._tastes

    def _observe(self, rows: NDArray[np.int64] | None = None) -> dict[str, NDArray[np.number]]:
        histories = self.sessions.histories if rows is None else self.sessions.histories[rows]
        return {**super()._observe(rows), "taste": self._tastes.users(histories)}
