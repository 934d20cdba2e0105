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

import numpy as np
import torch
from pydantic import JsonValue

from models.agents.policies import Policy
from models.agents.settings import AlgorithmName
from models.policy_evaluation.comparison import PolicyDifference, PolicyScores, Reinforcement
from models.policy_evaluation.values import Evaluation, all_pairs, evaluate_policy, over_seeds, paired_difference
from models.simulation.settings import EnvironmentSettings, catalogue
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
from tasks.policies.settings import ReinforceSettings
from tasks.step import Summary, step, step_logger

VERSION = "8"
UPPER_LINE = "greedy"
_SLOWEST_FIRST: tuple[AlgorithmName, ...] = ("trpo", "qrdqn", "dqn", "ppo", "maskable_ppo", "a2c")
_TRAINING = ("steps", "n_envs", "hidden", "taste_rank", "threads", "patience")


@step(version=VERSION, reads=SIMULATOR_PARTS, writes=("policies", "report/reinforcement.json"))
def reinforce(folder: RunFolder, settings: ReinforceSettings) -> Summary:
    """Train what is not there yet, evaluate all policies with common random numbers, publish the comparison."""
    agents, environment = settings.agents, settings.environment
    torch.set_num_threads(agents.threads)
    _check_patience(folder, environment)
    simulator = load_simulator(folder)
    wanted: list[tuple[AlgorithmName, int]] = [
        (algorithm, seed) for algorithm in agents.algorithms for seed in agents.seeds
    ]
    missing = [policy for policy in wanted if not _stored(folder, settings, *policy)]
    _train(folder, simulator, settings, missing)
    remove_policies_but(folder, wanted)

    evaluations: dict[str, list[Evaluation]] = {}
    for name in agents.baselines:
        policy = baseline_policy(name, simulator, settings.training, agents)
        evaluations[name] = [_evaluated(name, policy, simulator, settings)]
    checkpoints: dict[str, list[PolicyCheckpoint]] = {}
    for algorithm in agents.algorithms:
        policies = [load_policy(folder, algorithm, seed) for seed in agents.seeds]
        evaluations[algorithm] = [_evaluated(algorithm, policy, simulator, settings) for policy in policies]
        checkpoints[algorithm] = [load_checkpoint(folder, algorithm, seed) for seed in agents.seeds]

    comparison = Reinforcement(
        dataset=folder.root.name,
        steps=agents.steps,
        seeds=agents.seeds,
        episodes=agents.evaluation_episodes,
        catalogue=len(catalogue(simulator, environment.catalogue_size)),
        reward=environment.reward,
        users=settings.evaluation.users,
        policies={
            name: _scores(parts, evaluations, checkpoints.get(name, []), agents.evaluation_seed)
            for name, parts in evaluations.items()
        },
        comparisons=tuple(
            PolicyDifference(policy=first, against=second, mean=difference.mean, ci95=difference.ci95)
            for (first, second), difference in all_pairs(evaluations).items()
        ),
        learning_curves={
            name: _mean_curve(parts, _curve_scale(evaluations[name], settings)) for name, parts in checkpoints.items()
        },
    )
    publish_json(folder.path("report/reinforcement.json"), comparison.model_dump(mode="json", exclude_none=True))
    averages = {name: float(np.mean([part.returns.mean() for part in parts])) for name, parts in evaluations.items()}
    return {"trained": len(missing), "reused": len(wanted) - len(missing), "average_reward": dict(averages)}


def _check_patience(folder: RunFolder, environment: EnvironmentSettings) -> None:
    refused = load_patience(folder).refused if environment.session_end == "learned" else None
    if refused is not None:
        raise SettingsError(
            f"reinforce.environment.session_end is learned, but {refused}. Set it to constant, or set "
            "patience.session_gap_minutes to a gap that parts these ratings into sessions."
        )


def _stored(folder: RunFolder, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int) -> bool:
    """Whether a policy is there already, whole, and of these settings and this simulator."""
    if not folder.path(policy_name(algorithm, seed)).exists():
        return False
    try:
        if load_checkpoint(folder, algorithm, seed).origin != _origin(folder, settings, algorithm, seed):
            return False
        load_policy(folder, algorithm, seed)
    except DataError as error:
        step_logger().warning("%s seed %d is trained again: %s", algorithm, seed, error)
        return False
    return True


def _train(
    folder: RunFolder,
    simulator: UserSimulator,
    settings: ReinforceSettings,
    policies: Sequence[tuple[AlgorithmName, int]],
) -> None:
    """Train and publish policies, in several processes where there are cores for them."""
    agents = settings.agents
    if policies and "tensorboard" in agents.log and find_spec("tensorboard") is None:
        raise SettingsError("reinforce.agents.log names tensorboard, which is not installed: pip install tensorboard")
    at_once = max(1, (os.cpu_count() or 1) // agents.threads)
    processes = min(agents.processes or at_once, len(policies))
    if processes <= 1:
        for algorithm, seed in policies:
            _train_one(folder, simulator, settings, algorithm, seed)
        return
    policies = sorted(policies, key=lambda policy: _SLOWEST_FIRST.index(policy[0]))  # so that no core waits at the end
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_train_in_process, folder, settings, algorithm, seed) for algorithm, seed in policies]
        for (algorithm, seed), future in zip(policies, running, strict=True):
            step_logger().info("%s seed %d: trained in %.0f s", algorithm, seed, future.result())


def _train_in_process(folder: RunFolder, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int) -> float:
    return _train_one(folder, load_simulator(folder), settings, algorithm, seed)


def _train_one(
    folder: RunFolder, simulator: UserSimulator, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int
) -> float:
    """Train and publish one policy; seconds."""
    from models.agents.training import train_agent

    logs = folder.path(f"training_logs/{algorithm}/seed-{seed}")
    origin = _origin(folder, settings, algorithm, seed)
    agent = train_agent(simulator, settings.training, settings.agents, algorithm, seed, log_folder=logs)
    save_policy(folder, agent.policy, PolicyCheckpoint.of(agent, algorithm, seed, origin, settings.training))
    step_logger().info("%s seed %d: trained in %.0f s", algorithm, seed, agent.seconds)
    return agent.seconds


def _origin(folder: RunFolder, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int) -> str:
    """Hash of all that a policy depends on; how it is evaluated and what else is trained does not count."""
    agents = settings.agents
    parts: dict[str, JsonValue] = {
        "version": VERSION,
        "algorithm": algorithm,
        "seed": seed,
        "training": agents.model_dump(mode="json", include={*_TRAINING, algorithm}),
        "environment": settings.training.model_dump(mode="json"),
        "simulator": {name: content_hash(folder.path(name)) for name in SIMULATOR_PARTS},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _evaluated(name: str, policy: Policy, simulator: UserSimulator, settings: ReinforceSettings) -> Evaluation:
    agents = settings.agents
    evaluation = evaluate_policy(
        policy, simulator, settings.evaluation, agents.evaluation_episodes, agents.evaluation_seed
    )
    step_logger().info("%s: average reward %.2f", name, evaluation.returns.mean())
    return evaluation


def _scores(
    parts: Sequence[Evaluation],
    evaluations: dict[str, list[Evaluation]],
    checkpoints: Sequence[PolicyCheckpoint],
    seed: int,
) -> PolicyScores:
    """A policy's numbers, with what an episode brings more than the same episode with two baselines.

    Its regret is what the same episode, hence the same user, brings more with the upper line.
    """
    differences = {
        f"over_{name}": paired_difference(parts, evaluations[name])
        for name in ("random", "popularity")
        if name in evaluations
    }
    if UPPER_LINE in evaluations:
        differences["regret"] = paired_difference(evaluations[UPPER_LINE], parts)
    seconds = float(np.mean([checkpoint.training_seconds for checkpoint in checkpoints])) if checkpoints else 0.0
    return PolicyScores(training_seconds=seconds, **over_seeds(parts, seed), **differences)


def _curve_scale(evaluations: Sequence[Evaluation], settings: ReinforceSettings) -> float:
    """Mean length of the evaluation episodes over that of training's, which a curve is in.

    1 where patience is learned: the curve then has lengths of its own.
    """
    expected = settings.training.expected_length
    shown = settings.evaluation.slate_size if settings.evaluation.actions == "slate" else 1
    return 1.0 if expected is None else float(np.mean([part.length for part in evaluations])) / shown / expected


def _mean_curve(checkpoints: Sequence[PolicyCheckpoint], scale: float) -> tuple[tuple[int, float], ...]:
    """Learning curves averaged over seeds, which share their steps; as long as the shortest, where some ended early.

    Rewards are multiplied by `scale`, so that they are of episodes as long as those of the evaluation.
    """
    points = min((len(checkpoint.learning_curve) for checkpoint in checkpoints), default=0)
    curves = np.array([checkpoint.learning_curve[:points] for checkpoint in checkpoints])  # (seeds, points, 2)
    return tuple((int(steps), scale * float(reward)) for steps, reward in curves.mean(axis=0)) if curves.size else ()
