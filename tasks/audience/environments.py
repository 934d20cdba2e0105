"""The environments of an audience: for Gymnasium, by a run or a simulator, and for Stable-Baselines3."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.environments.gym import Info, Observation, RecommendEnv
from models.environments.gym_vector import Infos, Observations, RecommendVectorEnv
from models.environments.sb3 import AgentVecEnv, SessionVecEnv
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes
from tasks.audience.arguments import LARGEST_SEED, ArgumentError, argument_errors, instance, shown, whole_number
from tasks.audience.audience import Audience, load
from tasks.audience.resets import checked_seed, checked_users

MOST_SESSIONS = 100_000
_SIMULATOR = "an Audience, as recaudience.load gives it, or a UserSimulator"


class CheckedEnv(RecommendEnv):
    """A `RecommendEnv` whose resets look at what they are given."""

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Observation, Info]:
        """Begin a session; TypeError or ValueError where there is no such seed or user."""
        users = checked_users(options, "user", 1, self._simulator.n_users)
        chosen: dict[str, object] | None = None if users is None else {"user": int(users[0])}
        return super().reset(seed=checked_seed(seed), options=chosen)


class CheckedVectorEnv(RecommendVectorEnv):
    """A `RecommendVectorEnv` whose resets look at what they are given."""

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, object] | None = None
    ) -> tuple[Observations, Infos]:
        """Begin a session everywhere; TypeError or ValueError where there are no such seeds or users."""
        users = checked_users(options, "users", self.num_envs, self._simulator.n_users)
        seeds = [checked_seed(one) for one in seed] if isinstance(seed, Sequence) else checked_seed(seed)
        return super().reset(seed=seeds, options=None if users is None else {"users": users})


def recommend_env(
    *,
    run: str | os.PathLike[str] | None = None,
    simulator: Audience | UserSimulator | None = None,
    settings: EnvironmentSettings | None = None,
) -> RecommendEnv:
    """What `gymnasium.make("recaudience/Recommend-v0", ...)` makes.

    Parameters
    ----------
    run
        A run folder.
    simulator
        Instead of it: an audience that is loaded already.
    settings
        Rules of a session; those of the run where not given.

    Raises
    ------
    TypeError, ValueError
        Where an argument cannot be used, or not exactly one of `run` and `simulator` is given.
    """
    return CheckedEnv(*_parts(run, simulator, settings))


def recommend_vector_env(
    num_envs: int,
    *,
    run: str | os.PathLike[str] | None = None,
    simulator: Audience | UserSimulator | None = None,
    settings: EnvironmentSettings | None = None,
) -> RecommendVectorEnv:
    """What `gymnasium.make_vec` makes: `num_envs` sessions; other parameters as of `recommend_env`."""
    n = whole_number("num_envs", num_envs, 1, MOST_SESSIONS)
    chosen, rules = _parts(run, simulator, settings)
    return CheckedVectorEnv(n, simulator=chosen, settings=rules)


def make_vec_env(
    users: Audience, n_envs: int, seed: int = 0, settings: EnvironmentSettings | None = None
) -> SessionVecEnv:
    """Stable-Baselines3's `VecEnv` of an audience, with the observations that the run's own agents see.

    Parameters
    ----------
    users
        The audience.
    n_envs
        Sessions that run at once.
    seed
        Session k gets seed + k.
    settings
        Rules of a session; those of the run where not given.

    Raises
    ------
    TypeError, ValueError
        Where an argument cannot be used.
    """
    audience = instance("users", users, Audience, "an Audience, as recaudience.load gives it")
    n, first = whole_number("n_envs", n_envs, 1, MOST_SESSIONS), whole_number("seed", seed, 0, LARGEST_SEED)
    rules = audience.settings_or_own(settings)
    with argument_errors("settings"):
        if rules.actions == "catalogue":
            return AgentVecEnv(audience.simulator, rules, n, first, tastes(audience))
        return SessionVecEnv(audience.simulator, rules, n, first, with_infos=False)


def agent_observations(tastes: Tastes, sessions: Sessions) -> dict[str, NDArray[np.number]]:
    """What an agent of `make_vec_env` sees of sessions."""
    if sessions.settings.actions != "catalogue":
        return sessions.observations()
    return {**sessions.observations(), "taste": tastes.users(sessions.histories)}


def tastes(audience: Audience) -> Tastes:
    """What describes items and users to agents, on as many axes as the run's agents have."""
    knowledge = audience.knowledge
    return Tastes(knowledge, TasteAxes.of(knowledge, audience.run_settings.agents.taste_rank))


def _parts(
    run: str | os.PathLike[str] | None,
    simulator: Audience | UserSimulator | None,
    settings: EnvironmentSettings | None,
) -> tuple[UserSimulator, EnvironmentSettings]:
    if (run is None) == (simulator is None):
        raise ArgumentError(
            f"run and simulator: found {shown(run)} and {shown(simulator)}, expected one of them: "
            'gymnasium.make("recaudience/Recommend-v0", run="data/sample")'
        )
    if isinstance(simulator, UserSimulator):
        rules = EnvironmentSettings() if settings is None else settings
        return simulator, instance("settings", rules, EnvironmentSettings, "recaudience.EnvironmentSettings")
    audience = load(run) if run is not None else instance("simulator", simulator, Audience, _SIMULATOR)
    return audience.simulator, audience.settings_or_own(settings)
