"""Training of the reinforcement-learning agents on simulated users."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TRPO, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from models.agents.item_scorer import ItemPrior
from models.agents.policies import LearnedPolicy
from models.agents.query_scorer import QueryPolicy, QueryPrior, QueryScorer
from models.agents.sb3_policies import (
    ItemActorCriticPolicy,
    ItemMaskablePolicy,
    ItemQPolicy,
    ItemQuantilePolicy,
    Prior,
)
from models.agents.settings import ALGORITHMS, OF_VALUES, AgentSettings, AlgorithmName
from models.environments.sb3 import AgentVecEnv, SessionVecEnv
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes

logger = logging.getLogger(__name__)

_POINTS = 20  # of a learning curve
_SMOOTHED = 3  # points in a row whose mean tells whether a curve still rises
_LOGIT_SCALE, _VALUE_SCALE = 2.0, 0.1
_ADAM_EPSILON = 1e-5  # Stable-Baselines3's for actors
_LOG_NOISE = -2.0  # of a point's coordinates at first: the users' vectors are of length 1
_CLASSES: dict[AlgorithmName, type[BaseAlgorithm]] = {
    "a2c": A2C,
    "dqn": DQN,
    "ppo": PPO,
    "trpo": TRPO,
    "qrdqn": QRDQN,
    "maskable_ppo": MaskablePPO,
}
_POLICIES: dict[AlgorithmName, type[BasePolicy]] = {
    "dqn": ItemQPolicy,
    "qrdqn": ItemQuantilePolicy,
    "maskable_ppo": ItemMaskablePolicy,
    **dict.fromkeys(("a2c", "ppo", "trpo"), ItemActorCriticPolicy),
}


@dataclass(frozen=True)
class TrainedAgent:
    """What training leaves behind.

    Parameters
    ----------
    policy
        What recommends.
    learning_curve
        Pairs (environment steps, average reward of an episode) during training, exploration included.
    seconds
        Wall time of training.
    """

    policy: LearnedPolicy | QueryPolicy
    learning_curve: tuple[tuple[int, float], ...]
    seconds: float


def train_agent(
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    settings: AgentSettings,
    algorithm: AlgorithmName,
    seed: int,
    *,
    log_folder: Path | None = None,
) -> TrainedAgent:
    """Train one agent with one seed.

    Parameters
    ----------
    simulator
        The audience.
    environment
        Rules of a session.
    settings
        Of training.
    algorithm
        Which of the algorithms.
    seed
        One of those in `settings`.
    log_folder
        Where Stable-Baselines3 keeps the logs that `settings` asks for.

    Returns
    -------
    The same for the same arguments, on the same machine and number of threads.
    """
    torch.set_num_threads(settings.threads)
    started = time.perf_counter()
    stream = int(np.random.SeedSequence([seed, ALGORITHMS.index(algorithm)]).generate_state(1)[0])
    model, axes = _beginner(simulator, environment, settings, algorithm, stream)
    if settings.log and log_folder is not None:
        model.set_logger(configure(str(log_folder), list(settings.log)))
    calls_a_point = max(1, settings.steps // (_POINTS * settings.n_envs))
    curve = _LearningCurve(calls_a_point, environment.expected_length, settings.patience)
    model.learn(settings.steps, callback=curve)
    seconds = time.perf_counter() - started
    logger.info("%s seed %d: %d steps in %.1f s", algorithm, seed, model.num_timesteps, seconds)
    return TrainedAgent(_learned(model, axes), tuple(curve.points), seconds)


def untrained_policy(
    simulator: UserSimulator, environment: EnvironmentSettings, settings: AgentSettings
) -> LearnedPolicy | QueryPolicy:
    """The agents' network before any training, which all algorithms begin with: what training must add to.

    Parameters
    ----------
    simulator, environment, settings
        As in `train_agent`.
    """
    return _learned(*_beginner(simulator, environment, settings, "a2c", 0))


def new_agent(env: VecEnv, prior: Prior, settings: AgentSettings, algorithm: AlgorithmName, seed: int) -> BaseAlgorithm:
    """An agent that has learned nothing yet.

    Parameters
    ----------
    env
        What it will train on.
    prior
        What its networks start from.
    settings, algorithm, seed
        As in `train_agent`.
    """
    return _CLASSES[algorithm](env=env, seed=seed, **sb3_arguments(env, prior, settings, algorithm))


def sb3_arguments(
    env: VecEnv, prior: Prior, settings: AgentSettings, algorithm: AlgorithmName
) -> dict[str, Any]:  # of as many types as Stable-Baselines3's constructors have
    """What Stable-Baselines3's class is made with beside environment and seed: policy, its arguments, hyperparameters.

    Parameters
    ----------
    env, prior, settings, algorithm
        As in `new_agent`.
    """
    values, scale = algorithm in OF_VALUES, _VALUE_SCALE if algorithm in OF_VALUES else _LOGIT_SCALE
    policy: dict[str, Any] = {"prior": prior, "hidden": settings.hidden, "scale": scale}
    own = getattr(settings, algorithm).model_dump()
    if algorithm != "a2c":  # which has RMSprop
        policy["optimizer_kwargs"] = {"fused": True} if values else {"fused": True, "eps": _ADAM_EPSILON}
    if isinstance(env.action_space, spaces.Box):
        policy["log_std_init"] = _LOG_NOISE
    if algorithm == "qrdqn":
        policy["n_quantiles"] = own.pop("n_quantiles")
    if not values and algorithm != "a2c":
        own["batch_size"] = min(own["batch_size"], own["n_steps"] * env.num_envs)  # what is collected for one update
    return {"policy": _POLICIES[algorithm], "policy_kwargs": policy, "device": "cpu", **own}


def _beginner(
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    settings: AgentSettings,
    algorithm: AlgorithmName,
    seed: int,
) -> tuple[BaseAlgorithm, TasteAxes | None]:
    """A new agent on its environments, and the axes of taste that it sees the catalogue by."""
    if environment.actions != "catalogue":
        env = SessionVecEnv(simulator, environment, settings.n_envs, seed, with_infos=False)
        return new_agent(env, QueryPrior.of(env.sessions), settings, algorithm, seed), None
    axes = TasteAxes.of(simulator.knowledge, settings.taste_rank)
    tastes = Tastes(simulator.knowledge, axes)
    env = AgentVecEnv(simulator, environment, settings.n_envs, seed, tastes)
    return new_agent(env, ItemPrior.of(env.sessions, tastes), settings, algorithm, seed), axes


def _learned(model: BaseAlgorithm, axes: TasteAxes | None) -> LearnedPolicy | QueryPolicy:
    policy = model.policy
    assert isinstance(policy, ItemActorCriticPolicy | ItemMaskablePolicy | ItemQPolicy | ItemQuantilePolicy)
    scorer = policy.scorer
    if isinstance(scorer, QueryScorer):
        return QueryPolicy(scorer.eval())
    assert axes is not None
    return LearnedPolicy(scorer.eval(), axes)


class _LearningCurve(BaseCallback):
    """Mean reward of a step in each stretch of training, times the mean length of an episode.

    Where that length is not known (None), it is the stretch's number of steps for each session that ended in it. Means
    over finished episodes would be short of long ones at first, since all sessions begin together. With `patience`,
    training ends once no mean of `_SMOOTHED` points in a row has been the highest for so many points.
    """

    def __init__(self, calls_a_point: int, episode_length: float | None, patience: int | None) -> None:
        super().__init__()
        self._patience = patience
        self.points: list[tuple[int, float]] = []
        self._calls_a_point, self._episode_length = calls_a_point, episode_length
        self.rewards: list[float] = []
        self.ends: list[int] = []

    def _on_step(self) -> bool:
        self.rewards.append(float(np.mean(self.locals["rewards"])))
        self.ends.append(int(np.sum(self.locals["dones"])))
        if len(self.rewards) == self._calls_a_point:
            steps = self._calls_a_point * len(self.locals["dones"])
            length = self._episode_length or steps / max(sum(self.ends), 1)
            self.points.append((self.num_timesteps, float(np.mean(self.rewards)) * length))
            self.rewards.clear()
            self.ends.clear()
            return self._patience is None or not self._flat(self._patience)
        return True

    def _flat(self, patience: int) -> bool:
        rewards = np.array([reward for _, reward in self.points])
        if len(rewards) < _SMOOTHED + patience:
            return False
        smoothed = np.convolve(rewards, np.ones(_SMOOTHED) / _SMOOTHED, mode="valid")
        return len(smoothed) - 1 - int(smoothed.argmax()) >= patience
