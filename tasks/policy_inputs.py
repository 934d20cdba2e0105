"""Learned policies of a run folder: policies/<algorithm>/seed-<n>/ with weights.safetensors and settings.json."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models.agent_settings import AlgorithmName, BaselineName, ReinforcementSettings
from models.greedy import GreedyEnsemblePolicy, GreedyPolicy
from models.item_scorer import ItemPrior, ItemScorer
from models.lin_ucb import train_lin_ucb
from models.policies import ItemMeanPolicy, LearnedPolicy, Policy, PopularityPolicy, RandomPolicy, SASRecPolicy
from models.sessions import EnvironmentSettings
from models.simulator import UserSimulator
from storage.checkpoints import load_arrays, load_json, save_arrays
from storage.files import publish, publish_json
from storage.run_folder import RunFolder


class PolicyCheckpoint(BaseModel):
    """settings.json of a learned policy: what it is, what it was trained for, how training went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: AlgorithmName
    seed: int = Field(ge=0, description="of training")
    origin: str = Field(description="hash of all that the policy depends on: settings of training and the simulator")
    environment: EnvironmentSettings = Field(description="rules of the sessions that it was trained in")
    n_actions: int = Field(gt=0, description="items that it can recommend")
    vector_size: int = Field(gt=0, description="size of an item's embedding")
    user_size: int = Field(gt=0, description="size of the observation 'user'")
    hidden: int = Field(gt=0, description="width of the hidden layer")
    training_seconds: float = Field(ge=0, description="wall time of training")
    learning_curve: tuple[tuple[int, float], ...] = Field(description="environment steps, average reward of an episode")


def policy_name(algorithm: AlgorithmName, seed: int) -> str:
    """Name of a policy's folder in the run folder."""
    return f"policies/{algorithm}/seed-{seed}"


def save_policy(folder: RunFolder, scorer: ItemScorer, checkpoint: PolicyCheckpoint) -> None:
    """Publish a policy; its folder is there as a whole or not at all."""
    with publish(folder.path(policy_name(checkpoint.algorithm, checkpoint.seed))) as target:
        target.mkdir()
        save_arrays(target / "weights.safetensors", scorer.arrays())
        publish_json(target / "settings.json", checkpoint.model_dump(mode="json"))


def load_checkpoint(folder: RunFolder, algorithm: AlgorithmName, seed: int) -> PolicyCheckpoint:
    """What a stored policy is.

    Raises
    ------
    DataError
        Where it is missing or damaged.
    """
    name = policy_name(algorithm, seed)
    return load_json(folder.path(f"{name}/settings.json"), TypeAdapter(PolicyCheckpoint))


def load_policy(folder: RunFolder, algorithm: AlgorithmName, seed: int) -> LearnedPolicy:
    """A stored policy, for sessions with the environment settings in its checkpoint.

    Parameters
    ----------
    folder
        A run folder after the step `reinforce`.
    algorithm, seed
        Which of its policies.

    Raises
    ------
    DataError
        Where it is missing or damaged.
    """
    checkpoint = load_checkpoint(folder, algorithm, seed)
    empty = ItemPrior(
        np.zeros((checkpoint.n_actions, checkpoint.vector_size), dtype=np.float32),
        np.zeros(checkpoint.n_actions, dtype=np.float32),
    )
    scorer = ItemScorer(empty, checkpoint.user_size, checkpoint.hidden)
    shapes = {name: array.shape for name, array in scorer.arrays().items()}
    scorer.set_arrays(load_arrays(folder.path(f"{policy_name(algorithm, seed)}/weights.safetensors"), shapes))
    return LearnedPolicy(scorer.eval())


def baseline_policy(
    name: BaselineName, simulator: UserSimulator, environment: EnvironmentSettings, settings: ReinforcementSettings
) -> Policy:
    """A policy that needs no checkpoint; the bandit `lin_ucb` learns here, in seconds."""
    made: dict[BaselineName, Callable[[], Policy]] = {
        "random": lambda: RandomPolicy(settings.evaluation_seed),
        "popularity": PopularityPolicy,
        "item_mean": ItemMeanPolicy,
        "sasrec": SASRecPolicy,
        "greedy": lambda: GreedyPolicy(simulator, environment.catalogue_size),
        "greedy_ensemble": GreedyEnsemblePolicy,
        "lin_ucb": lambda: _bandit(simulator, environment, settings),
    }
    return made[name]()


def _bandit(simulator: UserSimulator, environment: EnvironmentSettings, settings: ReinforcementSettings) -> Policy:
    return train_lin_ucb(
        simulator,
        environment,
        steps=settings.steps,
        n_envs=settings.n_envs,
        alpha=settings.lin_ucb_alpha,
        seed=settings.seeds[0],
    )


def remove_policies_but(folder: RunFolder, kept: Collection[tuple[AlgorithmName, int]]) -> None:
    """Remove policies of earlier settings, so that the folder holds what the settings say and nothing else."""
    folder.path("policies").mkdir(parents=True, exist_ok=True)
    names = {folder.path(policy_name(algorithm, seed)) for algorithm, seed in kept}
    for path in folder.path("policies").glob("*/seed-*"):
        if path not in names:
            shutil.rmtree(path)
    for path in folder.path("policies").glob("*"):
        if not any(path.iterdir()):
            path.rmdir()
