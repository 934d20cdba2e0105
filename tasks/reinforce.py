"""Step `reinforce`: agents trained on the simulated users and compared with baselines on the same sessions.

A killed run goes on where it stopped: each policy is published as soon as it is trained, and one that is there from
the same settings and the same simulator is not trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, JsonValue

from models.agent_settings import AlgorithmName, ReinforcementSettings
from models.policies import Policy
from models.reinforcement import Evaluation, all_pairs, evaluate, over_seeds, paired_difference
from models.sessions import EnvironmentSettings, catalogue
from models.simulator import UserSimulator
from storage.errors import DataError
from storage.files import content_hash, publish_json
from storage.run_folder import RunFolder
from tasks.policy_inputs import (
    PolicyCheckpoint,
    baseline_policy,
    load_checkpoint,
    load_policy,
    policy_name,
    remove_policies_but,
    save_policy,
)
from tasks.progress import step_logger
from tasks.simulator_inputs import load_simulator
from tasks.step import Summary, step

VERSION = "2"
UPPER_LINE = "greedy"
_TRAINING = ("steps", "n_envs", "hidden", "taste_rank", "threads")
SIMULATOR_PARTS = (
    "users.parquet",
    "items.parquet",
    "interactions.parquet",
    "keywords.parquet",
    "vocabulary.parquet",
    "embeddings",
    "sasrec",
    "ensemble",
)


class ReinforceSettings(BaseModel):
    """Settings of the step `reinforce`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agents: ReinforcementSettings = ReinforcementSettings()
    environment: EnvironmentSettings = EnvironmentSettings()


@step(version=VERSION, reads=SIMULATOR_PARTS, writes=("policies", "report/reinforcement.json"))
def reinforce(folder: RunFolder, settings: ReinforceSettings) -> Summary:
    """Train what is not there yet, evaluate all policies with common random numbers, publish the comparison."""
    agents, environment = settings.agents, settings.environment
    torch.set_num_threads(agents.threads)
    simulator = load_simulator(folder)
    wanted: list[tuple[AlgorithmName, int]] = [
        (algorithm, seed) for algorithm in agents.algorithms for seed in agents.seeds
    ]
    trained = sum(_ensure_policy(folder, simulator, settings, algorithm, seed) for algorithm, seed in wanted)
    remove_policies_but(folder, wanted)

    evaluations: dict[str, list[Evaluation]] = {}
    for name in agents.baselines:
        policy = baseline_policy(name, simulator, environment, agents)
        evaluations[name] = [_evaluated(name, policy, simulator, settings)]
    checkpoints: dict[str, list[PolicyCheckpoint]] = {}
    for algorithm in agents.algorithms:
        policies = [load_policy(folder, algorithm, seed) for seed in agents.seeds]
        evaluations[algorithm] = [_evaluated(algorithm, policy, simulator, settings) for policy in policies]
        checkpoints[algorithm] = [load_checkpoint(folder, algorithm, seed) for seed in agents.seeds]

    rows: dict[str, JsonValue] = {
        name: _row(parts, evaluations, checkpoints.get(name, []), agents.evaluation_seed)
        for name, parts in evaluations.items()
    }
    result: dict[str, JsonValue] = {
        "dataset": folder.root.name,
        "steps": agents.steps,
        "seeds": list(agents.seeds),
        "episodes": agents.evaluation_episodes,
        "catalogue": len(catalogue(simulator, environment.catalogue_size)),
        "reward": environment.reward,
        "policies": rows,
        "comparisons": [
            {"policy": first, "against": second, "mean": difference["mean"], "ci95": [*difference["ci95"]]}
            for (first, second), difference in all_pairs(evaluations).items()
        ],
        "learning_curves": {name: _mean_curve(parts) for name, parts in checkpoints.items()},
    }
    publish_json(folder.path("report/reinforcement.json"), result)
    averages = {name: float(np.mean([part.returns.mean() for part in parts])) for name, parts in evaluations.items()}
    return {"trained": trained, "reused": len(wanted) - trained, "average_reward": dict(averages)}


def _ensure_policy(
    folder: RunFolder, simulator: UserSimulator, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int
) -> bool:
    """Train and publish a policy unless it is there already; whether it was trained."""
    from models.agents import train_agent

    origin = _origin(folder, settings, algorithm, seed)
    if folder.path(policy_name(algorithm, seed)).exists():
        try:
            if load_checkpoint(folder, algorithm, seed).origin == origin:
                load_policy(folder, algorithm, seed)
                return False
        except DataError as error:
            step_logger().warning("%s seed %d is trained again: %s", algorithm, seed, error)
    agent = train_agent(simulator, settings.environment, settings.agents, algorithm, seed)
    checkpoint = PolicyCheckpoint.of(agent, algorithm, seed, origin, settings.environment)
    save_policy(folder, agent.policy, checkpoint)
    step_logger().info("%s seed %d: trained in %.0f s", algorithm, seed, agent.seconds)
    return True


def _origin(folder: RunFolder, settings: ReinforceSettings, algorithm: AlgorithmName, seed: int) -> str:
    """Hash of all that a policy depends on; how it is evaluated and what else is trained does not count."""
    agents = settings.agents
    parts: dict[str, JsonValue] = {
        "version": VERSION,
        "algorithm": algorithm,
        "seed": seed,
        "training": agents.model_dump(mode="json", include={*_TRAINING, algorithm}),
        "environment": settings.environment.model_dump(mode="json"),
        "simulator": {name: content_hash(folder.path(name)) for name in SIMULATOR_PARTS},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _evaluated(name: str, policy: Policy, simulator: UserSimulator, settings: ReinforceSettings) -> Evaluation:
    agents = settings.agents
    evaluation = evaluate(policy, simulator, settings.environment, agents.evaluation_episodes, agents.evaluation_seed)
    step_logger().info("%s: average reward %.2f", name, evaluation.returns.mean())
    return evaluation


def _row(
    parts: Sequence[Evaluation],
    evaluations: dict[str, list[Evaluation]],
    checkpoints: Sequence[PolicyCheckpoint],
    seed: int,
) -> dict[str, JsonValue]:
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
    row: dict[str, JsonValue] = {"training_seconds": seconds}
    for name, estimate in (over_seeds(parts, seed) | differences).items():
        row[name] = {"mean": estimate["mean"], "ci95": [*estimate["ci95"]]}
    return row


def _mean_curve(checkpoints: Sequence[PolicyCheckpoint]) -> list[JsonValue]:
    """Learning curves averaged over seeds, which share their steps."""
    curves = np.array([checkpoint.learning_curve for checkpoint in checkpoints])  # (seeds, points, 2)
    return [[int(steps), float(reward)] for steps, reward in curves.mean(axis=0)] if curves.size else []
