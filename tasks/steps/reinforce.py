"""Step `reinforce`: agents trained on the simulated users and compared with baselines on the same sessions.

A killed run goes on where it stopped: each policy is published as soon as it is trained, and one that is there from
the same settings and the same simulator is not trained again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import torch
from pydantic import JsonValue

from models.agents.policies import Policy
from models.agents.settings import AlgorithmName, algorithm_of
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from storage.errors import DataError, SettingsError
from storage.files import content_hash, publish_json
from storage.run_folder import RunFolder
from tasks.loading import SIMULATOR_PARTS, load_patience, load_simulator
from tasks.policies.checkpoints import (
    PolicyCheckpoint,
    baseline_policy,
    load_checkpoint,
    load_policy,
    policy_name,
    remove_policies_but,
    save_policy,
)
from tasks.policies.comparison import compare_policies
from tasks.policies.settings import ReinforceSettings
from tasks.progress import step_progress
from tasks.step import Summary, step, step_logger

VERSION = "9"
_SLOWEST_FIRST: tuple[AlgorithmName, ...] = ("trpo", "qrdqn", "dqn", "ppo", "maskable_ppo", "a2c")
_TRAINING = ("steps", "n_envs", "hidden", "taste_rank", "threads", "patience")


# truth.parquet, which only generated datasets have, comes from the same step and seed as interactions.parquet.
@step(version=VERSION, reads=SIMULATOR_PARTS, writes=("policies", "report/reinforcement.json"))
def reinforce(folder: RunFolder, settings: ReinforceSettings) -> Summary:
    """Train what is not there yet, evaluate all policies with common random numbers, publish the comparison."""
    agents, environment = settings.agents, settings.environment
    torch.set_num_threads(agents.threads)
    _check_patience(folder, environment)
    simulator = load_simulator(folder)
    wanted = [(name, seed) for name in settings.trained for seed in agents.seeds]
    missing = [policy for policy in wanted if not _stored(folder, settings, *policy)]
    _train(folder, simulator, settings, missing)
    remove_policies_but(folder, wanted)

    policies: dict[str, list[Policy]] = {
        name: [baseline_policy(name, simulator, settings.training, agents)] for name in agents.baselines
    }
    policies |= {name: [load_policy(folder, name, seed) for seed in agents.seeds] for name in settings.trained}
    trained = {name: [load_checkpoint(folder, name, seed) for seed in agents.seeds] for name in settings.trained}
    comparison = compare_policies(folder, simulator, settings, policies, trained)
    publish_json(folder.path("report/reinforcement.json"), comparison.model_dump(mode="json", exclude_none=True))
    averages: dict[str, JsonValue] = {name: row.average_reward.mean for name, row in comparison.policies.items()}
    return {"trained": len(missing), "reused": len(wanted) - len(missing), "average_reward": averages}


def _check_patience(folder: RunFolder, environment: EnvironmentSettings) -> None:
    refused = load_patience(folder).refused if environment.session_end == "learned" else None
    if refused is not None:
        raise SettingsError(
            f"reinforce.environment.session_end is learned, but {refused}. Set it to constant, or set "
            "patience.session_gap_minutes to a gap that parts these ratings into sessions."
        )


def _stored(folder: RunFolder, settings: ReinforceSettings, agent: str, seed: int) -> bool:
    """Whether a policy is there already, whole, and of these settings and this simulator."""
    if not folder.path(policy_name(agent, seed)).exists():
        return False
    try:
        if load_checkpoint(folder, agent, seed).origin != _origin(folder, settings, agent, seed):
            return False
        load_policy(folder, agent, seed)
    except DataError as error:
        step_logger().warning("%s seed %d is trained again: %s", agent, seed, error)
        return False
    return True


def _train(
    folder: RunFolder,
    simulator: UserSimulator,
    settings: ReinforceSettings,
    policies: Sequence[tuple[str, int]],
) -> None:
    """Train and publish policies, in several processes where there are cores for them."""
    agents = settings.agents
    if policies and "tensorboard" in agents.log and find_spec("tensorboard") is None:
        raise SettingsError("reinforce.agents.log names tensorboard, which is not installed: pip install tensorboard")
    at_once = max(1, (os.cpu_count() or 1) // agents.threads)
    processes = min(agents.processes or at_once, len(policies))
    if processes <= 1:
        with step_progress("agents", len(policies)) as show:
            for done, (agent, seed) in enumerate(policies, 1):
                _train_one(folder, simulator, settings, agent, seed)
                show(done, f"{agent} seed {seed}")
        return
    policies = sorted(policies, key=lambda policy: _SLOWEST_FIRST.index(algorithm_of(policy[0])))  # no core waits long
    with (
        step_progress("agents", len(policies)) as show,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        running = [pool.submit(_train_in_process, folder, settings, agent, seed) for agent, seed in policies]
        for done, ((agent, seed), future) in enumerate(zip(policies, running, strict=True), 1):
            step_logger().info("%s seed %d: trained in %.0f s", agent, seed, future.result())
            show(done, f"{agent} seed {seed}")


def _train_in_process(folder: RunFolder, settings: ReinforceSettings, agent: str, seed: int) -> float:
    return _train_one(folder, load_simulator(folder), settings, agent, seed)


def _train_one(
    folder: RunFolder, simulator: UserSimulator, settings: ReinforceSettings, agent: str, seed: int
) -> float:
    """Train and publish one policy; seconds."""
    from models.agents.training import train_agent

    logs, rules = folder.path(f"training_logs/{agent}/seed-{seed}"), settings.training_of(agent)
    origin = _origin(folder, settings, agent, seed)
    trained = train_agent(simulator, rules, settings.agents, algorithm_of(agent), seed, log_folder=logs)
    save_policy(folder, trained.policy, PolicyCheckpoint.of(trained, agent, seed, origin, rules))
    step_logger().info("%s seed %d: trained in %.0f s", agent, seed, trained.seconds)
    return trained.seconds


def _origin(folder: RunFolder, settings: ReinforceSettings, agent: str, seed: int) -> str:
    """Hash of all that a policy depends on; how it is evaluated and what else is trained does not count."""
    agents, algorithm = settings.agents, algorithm_of(agent)
    parts: dict[str, JsonValue] = {
        "version": VERSION,
        "algorithm": algorithm,
        "seed": seed,
        "training": agents.model_dump(mode="json", include={*_TRAINING, algorithm}),
        "environment": settings.training_of(agent).model_dump(mode="json"),
        "simulator": {name: content_hash(folder.path(name)) for name in SIMULATOR_PARTS},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
