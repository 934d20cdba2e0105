"""Learned policies of a run folder: policies/<algorithm>/seed-<n>/ with weights.safetensors and settings.json."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models.agents.greedy import GreedyEnsemblePolicy, GreedyPolicy
from models.agents.item_scorer import ItemPrior, ItemScorer
from models.agents.lin_ucb import train_lin_ucb
from models.agents.policies import (
    ItemMeanPolicy,
    LearnedPolicy,
    NearestPolicy,
    Policy,
    PopularityPolicy,
    RandomPolicy,
    SASRecPolicy,
)
from models.agents.query_scorer import QueryPolicy, QueryPrior, QueryScorer
from models.agents.settings import AgentSettings, BaselineName
from models.agents.training import TrainedAgent, untrained_policy
from models.policy_evaluation.comparison import Reinforcement
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import TasteAxes
from storage.checkpoints import load_arrays, load_json, save_arrays
from storage.files import publish, publish_json
from storage.run_folder import RunFolder


class ItemNetwork(BaseModel):
    """Shapes of a network that scores all items."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["items"] = "items"
    n_actions: int = Field(gt=0, description="items that it can recommend")
    vector_size: int = Field(gt=0, description="size of an item's embedding")
    taste_blocks: tuple[int, int, int] = Field(description="axes of taste: for pros, for cons, categories")
    keyword_size: int = Field(gt=0, description="size of a keyword's embedding, which the axes lie in")


class QueryNetwork(BaseModel):
    """Shapes of a network that chooses among candidates or points at items."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["queries"] = "queries"
    vector_size: int = Field(gt=0, description="size of the space of items")
    n_candidates: int = Field(ge=0, description="items that are offered; 0 where the action is a point")
    places: int = Field(gt=0, description="items of a slate, or 1")


class PolicyCheckpoint(BaseModel):
    """settings.json of a learned policy: what it is, what it was trained for, how training went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str = Field(description="its name: the algorithm's, and what it was trained on where that is not the reward")
    seed: int = Field(ge=0, description="of training")
    origin: str = Field(description="hash of all that the policy depends on: settings of training and the simulator")
    environment: EnvironmentSettings = Field(description="rules of the sessions that it was trained in")
    network: ItemNetwork | QueryNetwork = Field(discriminator="kind", description="shapes of what it learned")
    user_size: int = Field(gt=0, description="size of the observation 'user'")
    hidden: int = Field(gt=0, description="width of the hidden layer")
    training_seconds: float = Field(ge=0, description="wall time of training")
    learning_curve: tuple[tuple[int, float], ...] = Field(description="environment steps, average reward of an episode")

    @classmethod
    def of(cls, agent: TrainedAgent, name: str, seed: int, origin: str, environment: EnvironmentSettings) -> Self:
        """What is to be known of an agent that was trained just now."""
        scorer = agent.policy.scorer
        return cls(
            agent=name,
            seed=seed,
            origin=origin,
            environment=environment,
            network=_network(agent.policy),
            user_size=scorer.user_size,
            hidden=scorer.hidden,
            training_seconds=agent.seconds,
            learning_curve=agent.learning_curve,
        )


def policy_name(agent: str, seed: int) -> str:
    """Name of a policy's folder in the run folder."""
    return f"policies/{agent}/seed-{seed}"


def save_policy(folder: RunFolder, policy: LearnedPolicy | QueryPolicy, checkpoint: PolicyCheckpoint) -> None:
    """Publish a policy; its folder is there as a whole or not at all."""
    with publish(folder.path(policy_name(checkpoint.agent, checkpoint.seed))) as target:
        target.mkdir()
        save_arrays(target / "weights.safetensors", _arrays(policy))
        publish_json(target / "settings.json", checkpoint.model_dump(mode="json"))


def load_checkpoint(folder: RunFolder, agent: str, seed: int) -> PolicyCheckpoint:
    """What a stored policy is.

    Raises
    ------
    DataError
        Where it is missing or damaged.
    """
    name = policy_name(agent, seed)
    return load_json(folder.path(f"{name}/settings.json"), TypeAdapter(PolicyCheckpoint))


def load_policy(folder: RunFolder, agent: str, seed: int) -> LearnedPolicy | QueryPolicy:
    """A stored policy, for sessions with the environment settings in its checkpoint.

    Parameters
    ----------
    folder
        A run folder after the step `reinforce`.
    agent, seed
        Which of its policies; `models.agents.settings.AGENTS` are the names.

    Raises
    ------
    DataError
        Where it is missing or damaged.
    """
    checkpoint = load_checkpoint(folder, agent, seed)
    policy = _empty(checkpoint)
    arrays = load_arrays(
        folder.path(f"{policy_name(agent, seed)}/weights.safetensors"),
        {name: array.shape for name, array in _arrays(policy).items()},
    )
    if isinstance(policy, LearnedPolicy):
        policy = LearnedPolicy(policy.scorer, TasteAxes(arrays.pop("axes.pro"), arrays.pop("axes.con")))
    policy.scorer.set_arrays(arrays)
    policy.scorer.eval()
    return policy


def load_reinforcement(folder: RunFolder) -> Reinforcement | None:
    """The comparison of a run's policies, None where there is none.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    path = folder.path("report/reinforcement.json")
    return load_json(path, TypeAdapter(Reinforcement)) if path.exists() else None


def _network(policy: LearnedPolicy | QueryPolicy) -> ItemNetwork | QueryNetwork:
    if isinstance(policy, QueryPolicy):
        return QueryNetwork.model_validate(asdict(policy.scorer.prior))
    n_actions, vector_size = policy.scorer.embeddings.shape
    return ItemNetwork(
        n_actions=n_actions,
        vector_size=vector_size,
        taste_blocks=policy.scorer.block_sizes,  # type: ignore[arg-type]  # of three blocks
        keyword_size=len(policy.axes.pro),
    )


def _empty(checkpoint: PolicyCheckpoint) -> LearnedPolicy | QueryPolicy:
    """A policy of the checkpoint's shapes, whose values are still to be loaded."""
    shape = checkpoint.network
    if isinstance(shape, QueryNetwork):
        prior = QueryPrior(shape.vector_size, shape.n_candidates, shape.places)
        return QueryPolicy(QueryScorer(prior, checkpoint.user_size, checkpoint.hidden))
    prior = ItemPrior.empty(shape.n_actions, shape.vector_size, shape.taste_blocks)
    pro, con = (np.zeros((shape.keyword_size, size), dtype=np.float32) for size in shape.taste_blocks[:2])
    return LearnedPolicy(ItemScorer(prior, checkpoint.user_size, checkpoint.hidden), TasteAxes(pro, con))


def _arrays(policy: LearnedPolicy | QueryPolicy) -> dict[str, NDArray[np.float32]]:
    axes = {} if isinstance(policy, QueryPolicy) else _axis_arrays(policy.axes)
    return policy.scorer.arrays() | axes


def _axis_arrays(axes: TasteAxes) -> dict[str, NDArray[np.float32]]:
    return {"axes.pro": axes.pro, "axes.con": axes.con}


def baseline_policy(
    name: BaselineName, simulator: UserSimulator, environment: EnvironmentSettings, settings: AgentSettings
) -> Policy:
    """A policy that needs no checkpoint; the bandit `lin_ucb` learns here, in seconds."""
    made: dict[BaselineName, Callable[[], Policy]] = {
        "random": lambda: RandomPolicy(settings.evaluation_seed),
        "popularity": PopularityPolicy,
        "item_mean": ItemMeanPolicy,
        "sasrec": SASRecPolicy,
        "nearest": NearestPolicy,
        "untrained": lambda: untrained_policy(simulator, environment, settings),
        "greedy": GreedyPolicy,
        "greedy_ensemble": GreedyEnsemblePolicy,
        "lin_ucb": lambda: _bandit(simulator, environment, settings),
    }
    return made[name]()


def _bandit(simulator: UserSimulator, environment: EnvironmentSettings, settings: AgentSettings) -> Policy:
    return train_lin_ucb(simulator, environment, settings, settings.seeds[0])


def remove_policies_but(folder: RunFolder, kept: Collection[tuple[str, int]]) -> None:
    """Remove policies of earlier settings, so that the folder holds what the settings say and nothing else."""
    folder.path("policies").mkdir(parents=True, exist_ok=True)
    names = {folder.path(policy_name(agent, seed)) for agent, seed in kept}
    for path in folder.path("policies").glob("*/seed-*"):
        if path not in names:
            shutil.rmtree(path)
    for path in folder.path("policies").glob("*"):
        if not any(path.iterdir()):
            path.rmdir()
