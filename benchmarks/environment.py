"""Steps of the vectorised environment per second, and training frames per second, beside an environment of no work.

    .venv/bin/python benchmarks/environment.py [--envs 1 16 64 256 1024] [--algorithms a2c dqn ppo trpo] [--stock]
        [--items 500] [--seconds 20] [--rounds 3] [--json]

The idle environment has the same spaces and answers at once with what it answered before: it is what a learner can
take in. Training runs each algorithm with its default settings, on both environments, with as many sessions; infos of
its environment say nothing but ends, as in `recaudience reproduce`. Both environments are timed in turn, for a short
while
each, since a machine's speed changes within minutes: of the rates stand medians, and of their ratios. A row's turns go
on for `--seconds`, and for `--rounds` at least; the whole table takes twenty minutes, most of it TRPO's.
`in_steps` is the part of training's time that the own environment's steps take. With `--stock` the networks are not
recaudience's but those that Stable-Baselines3 makes of such observations by itself ("MultiInputPolicy"), with the same
settings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from random_world import random_world
from sb3_contrib import TRPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from models.agents.item_scorer import ItemPrior
from models.agents.settings import AgentSettings, AlgorithmName
from models.agents.training import new_agent
from models.environments.sb3 import AgentVecEnv
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes, Tastes

SECONDS = 0.5
ALGORITHMS: tuple[AlgorithmName, ...] = ("a2c", "dqn", "ppo", "trpo")


class TimedVecEnv(AgentVecEnv):
    """Adds up the seconds that steps take."""

    seconds = 0.0

    def step(self, actions: NDArray[np.int64]) -> VecEnvStepReturn:
        """Step, on the clock."""
        started = time.perf_counter()
        try:
            return super().step(actions)
        finally:
            self.seconds += time.perf_counter() - started


class IdleVecEnv(TimedVecEnv):
    """Answers every step with the first observations, a reward of 1 and no end."""

    def reset(self) -> VecEnvObs:
        """Observe what the sessions look like once."""
        self._observations = super().reset()
        n = self.num_envs
        self._answer = np.ones(n, dtype=np.float32), np.zeros(n, dtype=bool), [{"TimeLimit.truncated": False}] * n
        return self._observations

    def step_async(self, actions: NDArray[np.number]) -> None:
        """Forget the actions."""

    def step_wait(self) -> VecEnvStepReturn:
        """Nothing happens."""
        return self._observations, *self._answer


def environment(simulator: UserSimulator, n_envs: int, idle: bool, *, with_infos: bool) -> tuple[TimedVecEnv, Tastes]:
    """The vectorised environment, or its idle likeness."""
    tastes = Tastes(simulator.knowledge, TasteAxes.of(simulator.knowledge, AgentSettings().taste_rank))
    kind = IdleVecEnv if idle else TimedVecEnv
    return kind(simulator, EnvironmentSettings(), n_envs, 0, tastes, with_infos=with_infos), tastes


def steps_per_second(env: AgentVecEnv) -> tuple[float, float]:
    """Steps of single sessions per second under random actions, and that all the time is theirs."""
    rng = np.random.default_rng(0)
    env.reset()
    env.step(rng.integers(env.sessions.n_actions, size=env.num_envs))
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        env.step(rng.integers(env.sessions.n_actions, size=env.num_envs))
        steps += env.num_envs
    return steps / (time.perf_counter() - started), 1.0


def agent(
    simulator: UserSimulator, algorithm: AlgorithmName, n_envs: int, *, stock: bool, idle: bool
) -> tuple[BaseAlgorithm, TimedVecEnv]:
    """An agent that has made its first updates, and its environment."""
    env, tastes = environment(simulator, n_envs, idle, with_infos=False)
    settings = AgentSettings(n_envs=n_envs)
    if stock:
        model = stock_agent(env, settings, algorithm)
    else:
        model = new_agent(env, ItemPrior.of(env.sessions, tastes), settings, algorithm, seed=0)
    model.learn(n_envs * 64)
    return model, env


def frames_per_second(model: BaseAlgorithm, env: TimedVecEnv, steps: int) -> tuple[float, float]:
    """Environment steps per second as training goes on, and the part of its time in these steps."""
    done, env.seconds, started = model.num_timesteps, 0.0, time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    seconds = time.perf_counter() - started
    return (model.num_timesteps - done) / seconds, env.seconds / seconds


def stock_agent(env: AgentVecEnv, settings: AgentSettings, algorithm: AlgorithmName) -> BaseAlgorithm:
    """The algorithm with Stable-Baselines3's own networks."""
    kinds: dict[str, type[BaseAlgorithm]] = {"a2c": A2C, "dqn": DQN, "ppo": PPO, "trpo": TRPO}
    return kinds[algorithm]("MultiInputPolicy", env, seed=0, device="cpu", **getattr(settings, algorithm).model_dump())


def timed(
    rate: Callable[[bool], tuple[float, float]], what: str, n_envs: int, least: tuple[int, float]
) -> dict[str, str | int | float]:
    """A row: rates of the own and of the idle environment, by turns, so many and for so many seconds at least."""
    turns, (rounds, seconds), started = [], least, time.perf_counter()
    while len(turns) < rounds or time.perf_counter() - started < seconds:
        turns.append([rate(idle) for idle in (False, True)])
    found = np.array(turns)  # (rounds, 2, 2)
    rates, in_steps = found[:, :, 0], round(float(np.median(found[:, 0, 1])), 2)
    own, of_idle = np.median(rates, axis=0).round().astype(int).tolist()
    share = round(float(np.median(rates[:, 0] / rates[:, 1])), 2)
    print(f"{what}, {n_envs} sessions: {own} a second, {share} of idle, {in_steps} in steps", file=sys.stderr)
    return {"what": what, "envs": n_envs, "per_s": own, "idle_per_s": of_idle, "share": share, "in_steps": in_steps}


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 16, 64, 256, 1024])
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--steps", type=int, default=8192, help="environment steps of training in a round")
    parser.add_argument("--seconds", type=float, default=20, help="of a row, at least")
    parser.add_argument("--rounds", type=int, default=3, help="of a row, at least")
    parser.add_argument("--threads", type=int, default=AgentSettings().threads)
    parser.add_argument(
        "--algorithms", nargs="*", choices=ALGORITHMS, default=ALGORITHMS, help="none: environments only"
    )
    parser.add_argument("--stock", action="store_true", help="train Stable-Baselines3's own networks")
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    if min(*arguments.envs, arguments.items, arguments.steps) < 1:
        parser.error("--envs, --items and --steps are 1 or more")
    torch.set_num_threads(arguments.threads)
    simulator = random_world(arguments.items, n_users=2000, seed=0)
    rows, least = [], (arguments.rounds, arguments.seconds)
    for n_envs in arguments.envs:
        envs = [environment(simulator, n_envs, idle, with_infos=True)[0] for idle in (False, True)]
        rows.append(timed(lambda idle, of=envs: steps_per_second(of[idle]), "stepping", n_envs, least))
        steps = arguments.steps if n_envs > 1 else arguments.steps // 8
        for algorithm in arguments.algorithms:
            agents = [agent(simulator, algorithm, n_envs, stock=arguments.stock, idle=idle) for idle in (False, True)]
            what = f"training {algorithm}{', stock networks' if arguments.stock else ''}"
            rows.append(timed(lambda idle, of=agents, n=steps: frames_per_second(*of[idle], n), what, n_envs, least))
    if arguments.json:
        print(json.dumps(rows))
        return
    import polars as pl

    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
