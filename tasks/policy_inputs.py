"""Learned policies of a run folder: policies/<algorithm>/seed-<n>/ with weights.safetensors and settings.json."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models.agent_settings import AlgorithmName, BaselineName, ReinforcementSettings
from models.agents import TrainedAgent
from models.greedy import GreedyEnsemblePolicy, GreedyPolicy
from models.item_scorer import ItemPrior, ItemScorer
from models.lin_ucb import train_lin_ucb
from models.policies import ItemMeanPolicy, LearnedPolicy, Policy, PopularityPolicy, RandomPolicy, SASRecPolicy
from models.sessions import EnvironmentSettings
from models.simulator import UserSimulator
from models.tastes import TasteAxes
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
    taste_blocks: tuple[int, int, int] = Field(description="axes of taste: for pros, for cons, categories")
    keyword_size: int = Field(gt=0, description="size of a keyword's embedding, which the axes lie in")
    user_size: int = Field(gt=0, description="size of the observation 'user'")
    hidden: int = Field(gt=0, description="width of the hidden layer")
    training_seconds: float = Field(ge=0, description="wall time of training")
    learning_curve: tuple[tuple[int, float], ...] = Field(description="environment steps, average reward of an episode")

    @classmethod
    def of(
        cls, agent: TrainedAgent, algorithm: AlgorithmName, seed: int, origin: str, environment: EnvironmentSettings
    ) -> Self:
        """What is to be known of an agent that was trained just now."""
        scorer, axes = agent.policy.scorer, agent.policy.axes
        n_actions, vector_size = scorer.embeddings.shape
        pro, con, categories = scorer.block_sizes
        return cls(
            algorithm=algorithm,
            seed=seed,
            origin=origin,
            environment=environment,
            n_actions=n_actions,
            vector_size=vector_size,
            taste_blocks=(pro, con, categories),
            keyword_size=len(axes.pro),
            user_size=scorer.user_size,
            hidden=scorer.hidden,
            training_seconds=agent.seconds,
            learning_curve=agent.learning_curve,
        )


def policy_name(algorithm: AlgorithmName, seed: int) -> str:
    """Name of a policy's folder in the run folder."""
    return f"policies/{algorithm}/seed-{seed}"


def save_policy(folder: RunFolder, policy: LearnedPolicy, checkpoint: PolicyCheckpoint) -> None:
    """Publish a policy; its folder is there as a whole or not at all."""
    with publish(folder.path(policy_name(checkpoint.algorithm, checkpoint.seed))) as target:
        target.mkdir()
        save_arrays(target / "weights.safetensors", policy.scorer.arrays() | _axis_arrays(policy.axes))
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
    blocks = checkpoint.taste_blocks
    scorer = ItemScorer(
        ItemPrior.empty(checkpoint.n_actions, checkpoint.vector_size, blocks), checkpoint.user_size, checkpoint.hidden
    )
    pro, con = (np.zeros((checkpoint.keyword_size, size), dtype=np.float32) for size in blocks[:2])
    expected = scorer.arrays() | _axis_arrays(TasteAxes(pro, con))
    arrays = load_arrays(
        folder.path(f"{policy_name(algorithm, seed)}/weights.safetensors"),
        {name: array.shape for name, array in expected.items()},
    )
    axes = TasteAxes(arrays.pop("axes.pro"), arrays.pop("axes.con"))
    scorer.set_arrays(arrays)
    return LearnedPolicy(scorer.eval(), axes)


def _axis_arrays(axes: TasteAxes) -> dict[str, NDArray[np.float32]]:
    return {"axes.pro": axes.pro, "axes.con": axes.con}


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
        taste_rank=settings.taste_rank,
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
