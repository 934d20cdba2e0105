"""A test audience for recommender systems: simulated users, made from ratings and a large language model.

    users = recaudience.load("data/sample")
    venv = recaudience.make_vec_env(users, n_envs=64, seed=0)
    agent = PPO(env=venv, **recaudience.sb3_arguments("ppo", venv)).learn(30_000)  # of Stable-Baselines3
    print(recaudience.evaluate_policy(agent, users))

All that is public stands here. Importing it registers Gymnasium's `recaudience/Recommend-v0` and loads nothing else;
what a name stands for is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recaudience.clone import check_packages

check_packages(__path__[0])

from tasks.audience.registration import register  # noqa: E402  # only once the packages are known to be ours

if TYPE_CHECKING:
    from recaudience.public import (
        Audience,
        EnvironmentSettings,
        Explanation,
        Policy,
        RepetitionWarning,
        evaluate_policy,
        load,
        load_policy,
        make_vec_env,
        sb3_arguments,
    )

    __version__: str

__all__ = [
    "Audience",
    "EnvironmentSettings",
    "Explanation",
    "Policy",
    "RepetitionWarning",
    "__version__",
    "evaluate_policy",
    "load",
    "load_policy",
    "make_vec_env",
    "sb3_arguments",
]

register()


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    from recaudience import public

    return getattr(public, name)


def __dir__() -> list[str]:
    return __all__
