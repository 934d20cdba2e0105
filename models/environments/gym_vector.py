"""The environment as Gymnasium's own vector environment: many sessions stepped as arrays, without a loop over them.

    import recaudience  # registers the id
    gymnasium.make_vec("recaudience/Recommend-v0", num_envs=256, simulator=simulator)

Seeded with s, its session k goes exactly as a `RecommendEnv` seeded with s + k, and as a row of `SessionVecEnv`. A
session that ends begins anew in the same step (Gymnasium's `AutoresetMode.SAME_STEP`): the observation is the new
session's first, and the infos keep the last one under "final_obs" and "final_info".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from models.environments.actions import checked_actions
from models.environments.gym import observation_space
from models.environments.repetition import RepetitionWatch
from models.interactions import NO_ITEM
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.step_result import StepResult

Observations = dict[str, NDArray[np.number]]
Infos = dict[str, object]


class RecommendVectorEnv(VectorEnv[Observations, NDArray[np.number], NDArray[np.generic]]):
    """A batch of `num_envs` sessions.

    Parameters
    ----------
    num_envs
        Number of sessions.
    simulator
        The audience.
    settings
        Rules of a session.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012  # Gymnasium's name

    def __init__(self, num_envs: int, *, simulator: UserSimulator, settings: EnvironmentSettings | None = None) -> None:
        self.num_envs = num_envs
        self._simulator, self._settings = simulator, settings or EnvironmentSettings()
        self._sessions = Sessions(simulator, self._settings, range(num_envs))
        self._first_reset, self._watch = True, RepetitionWatch()
        self.single_observation_space = observation_space(self._sessions)  # type: ignore[assignment]  # see there
        self.single_action_space = self._sessions.action_space.space  # type: ignore[assignment]  # as settings say
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def sessions(self) -> Sessions:
        """The running sessions."""
        return self._sessions

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, object] | None = None
    ) -> tuple[Observations, Infos]:
        """Begin a session everywhere.

        Parameters
        ----------
        seed
            Session k gets seed + k, or the k-th of several; without one the random streams go on, or, at the first
            reset, are arbitrary.
        options
            {"users": row numbers (num_envs,)} begins with those users instead of drawn ones.

        Raises
        ------
        ValueError
            Where there are not as many seeds as sessions, or no such users.
        """
        if isinstance(seed, Sequence):
            if len(seed) != self.num_envs or any(one is None for one in seed):
                raise ValueError(f"found seeds {seed!r}, expected one for each of the {self.num_envs} sessions")
            seeds = [one for one in seed if one is not None]
        else:
            super().reset(seed=seed)
            start = int(self.np_random.integers(2**62)) if seed is None and self._first_reset else seed
            seeds = None if start is None else list(range(start, start + self.num_envs))
        users = self._checked_users((options or {}).get("users"))
        if seeds is not None:
            self._sessions = Sessions(self._simulator, self._settings, seeds)
        if users is not None or seeds is None:
            self._sessions.begin(np.arange(self.num_envs), users)
        self._first_reset = False
        return self._sessions.observations(), {"user": self._sessions.users.copy()}

    def action_masks(self) -> NDArray[np.bool_]:
        """What may be chosen, a row each session; see `models.simulation.action_spaces`."""
        return self._sessions.action_space.masks(self._sessions)

    def step(
        self, actions: NDArray[np.number]
    ) -> tuple[Observations, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Take an action each: with the catalogue as action space, recommend `sessions.catalogue[actions]`.

        Returns
        -------
        Observations, rewards, terminated, truncated and infos, a row each session; see `models.simulation.session`.

        Raises
        ------
        ValueError
            Where there are not as many actions as sessions, or one is none of the action space.
        """
        sessions = self._sessions
        chosen = checked_actions(sessions.action_space.space, actions, self.num_envs)
        result = sessions.step(sessions.action_space.resolve(sessions, chosen))
        self._watch.count(result.invalid, self._settings)
        observations, infos = sessions.observations(), _infos(sessions, result)
        ended = np.flatnonzero(result.done)
        if len(ended):
            infos |= {
                "final_obs": {name: part.copy() for name, part in observations.items()},
                "_final_obs": result.done,
                "final_info": dict(infos),
                "_final_info": result.done,
            }
            sessions.begin(ended)
            for name, part in sessions.observations(ended).items():
                observations[name][ended] = part
            infos["user"] = sessions.users.copy()
        return observations, result.rewards, result.terminated, result.truncated, infos

    def _checked_users(self, users: object) -> NDArray[np.int64] | None:
        if users is None:
            return None
        rows = np.asarray(users)
        n = self._simulator.n_users
        if rows.shape != (self.num_envs,) or rows.dtype.kind != "i" or rows.min() < 0 or rows.max() >= n:
            raise ValueError(f"option users: found {users!r}, expected {self.num_envs} row numbers below {n}")
        return rows.astype(np.int64)


def _infos(sessions: Sessions, result: StepResult) -> Infos:
    """What each step was about: user, item, the three votes, the calibrated probability; arrays of num_envs rows."""
    responses, slates = result.responses, result.slates
    slate_infos: Infos = {}
    if slates is not None:
        slate_infos = {
            "slate": slates.items,
            "slate_votes": slates.votes,
            "slate_probabilities": slates.probabilities,
            "choice": slates.choices,
        }
    return {
        "user": sessions.users.copy(),
        "item": result.items,
        "votes": responses.votes,
        "probability": responses.probability,
        "like": responses.like & (result.items != NO_ITEM),
        "repeated": result.repeated,
        "invalid": result.invalid,
        "novelty": result.novelties,
        "diversity": result.diversities,
    } | slate_infos
