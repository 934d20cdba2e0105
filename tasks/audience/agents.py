"""The network and the settings of the house's own agents, for whoever trains with Stable-Baselines3.

venv = recaudience.make_vec_env(users, n_envs=64, seed=0)
agent = PPO(env=venv, seed=0, **recaudience.sb3_arguments("ppo", venv)).learn(30_000)
"""

from __future__ import annotations

from typing import Any, cast

from stable_baselines3.common.vec_env import VecEnv

from models.agents import training
from models.agents.item_scorer import ItemPrior
from models.agents.query_scorer import QueryPrior
from models.agents.settings import ALGORITHMS, OF_POINTS, OF_SLATES, AgentSettings, AlgorithmName
from models.environments.sb3 import AgentVecEnv, SessionVecEnv
from tasks.audience.arguments import ArgumentError, instance, shown

_ABLE = {"embedding": OF_POINTS, "slate": OF_SLATES}


def sb3_arguments(algorithm: str, venv: VecEnv) -> dict[str, Any]:  # of as many types as the constructors have
    """What to make an agent of Stable-Baselines3 or sb3-contrib with, so that it begins as the house's own agents do.

    Its network begins with what is known of items and users, masks what the user has seen, and learns what the reward
    adds; without it tens of thousands of steps are few for hundreds of items.

    Parameters
    ----------
    algorithm
        a2c, dqn, ppo, trpo, qrdqn or maskable_ppo: whose class the arguments are for.
    venv
        What the agent will train on: what `make_vec_env` gives, wrapped or not.

    Returns
    -------
    policy (a class), policy_kwargs, device and the hyperparameters that are the defaults of `reinforce.agents`, by the
    constructor's names; change them as you like: `sb3_arguments("ppo", venv) | {"gamma": 0.9}`.

    Raises
    ------
    TypeError, ValueError
        Where there is no such algorithm, it cannot learn the environment's actions, or that is of another kind.
    """
    expected = "what recaudience.make_vec_env gives"
    env = instance("venv", instance("venv", venv, VecEnv, expected).unwrapped, SessionVecEnv, expected)
    actions = env.sessions.settings.actions
    able = _ABLE.get(actions, ALGORITHMS)
    if algorithm not in able:
        raise ArgumentError(
            f"algorithm: found {shown(algorithm)}, expected one that learns actions {actions!r}: {', '.join(able)}"
        )
    prior = ItemPrior.of(env.sessions, env.tastes) if isinstance(env, AgentVecEnv) else QueryPrior.of(env.sessions)
    return training.sb3_arguments(env, prior, AgentSettings(), cast("AlgorithmName", algorithm))
