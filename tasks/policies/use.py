"""The policies of a finished run, ready for use under the dataset's own ids.

policy = load_policy_for_use(RunFolder.of(Path("data"), "sample"), "dqn")
policy.recommend(["u12", "u7"], k=10)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.agents.policies import LearnedPolicy, Policy, recommend
from models.agents.settings import AGENTS, ON_VOTE, BaselineName, algorithm_of
from models.explanation.explainer import explain
from models.explanation.explanation import Explanation
from models.interactions import NO_ITEM
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from storage.contracts import ITEMS, USERS
from storage.errors import DataError, SettingsError
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import load_keyword_record, load_simulator, row_of
from tasks.policies.checkpoints import baseline_policy, load_checkpoint, load_policy
from tasks.policies.settings import run_settings


@dataclass(frozen=True)
class RecommendedItem:
    """An item for a user.

    Parameters
    ----------
    item, name
        The item's id in the dataset, and its name.
    probability
        The calibrated P(like).
    """

    item: str
    name: str
    probability: float


@dataclass(frozen=True)
class UsablePolicy:
    """A policy with the audience that it is for.

    Parameters
    ----------
    name
        Of the policy.
    policy
        Who recommends.
    simulator
        The audience.
    environment
        Rules of the sessions that the policy is for.
    users, items
        The run's tables.
    folder
        The run.
    """

    name: str
    policy: Policy
    simulator: UserSimulator
    environment: EnvironmentSettings
    users: pl.DataFrame
    items: pl.DataFrame
    folder: RunFolder

    def recommend(self, user_ids: Sequence[str], k: int) -> list[list[RecommendedItem]]:
        """The k best items for each user that the user has no training interaction with, best first.

        Parameters
        ----------
        user_ids
            Ids in the dataset.
        k
            Items a user; fewer where the user knows all others.

        Raises
        ------
        DataError
            Where the run has no such user.
        """
        found = recommend(self.policy, self.simulator, self.environment, self._user_rows(user_ids), k)
        ids, names = self.items["source_id"], self.items["name"]
        return [
            [
                RecommendedItem(ids[item], names[item], probability)
                for item, probability in zip(items, probabilities, strict=True)
                if item != NO_ITEM
            ]
            for items, probabilities in zip(found.items.tolist(), found.probabilities.tolist(), strict=True)
        ]

    def reason(self, user_id: str, item_id: str, seed: int = 0) -> Explanation:
        """Why the user would like an item or not; `seed` is of the coins that decide ties."""
        user, item = (
            self._user_rows([user_id])[0],
            row_of(self.items, "item", item_id, self.folder.path("items.parquet")),
        )
        history = self.simulator.interactions.histories(np.array([user]), len(self.simulator.interactions))
        record = load_keyword_record(self.folder, self.simulator.knowledge, np.array([item]))
        rng = np.random.default_rng(seed)
        explanation = explain(self.simulator, int(user), item, history, rng, record=record)
        return replace(explanation, user_name=f"User {user_id}")

    def _user_rows(self, user_ids: Sequence[str]) -> NDArray[np.int64]:
        path = self.folder.path("users.parquet")
        return np.array([row_of(self.users, "user", user, path) for user in user_ids], dtype=np.int64)


def load_policy_for_use(folder: RunFolder, name: str, seed: int | None = None) -> UsablePolicy:
    """A trained policy or a baseline of a finished run.

    Parameters
    ----------
    folder
        A run folder after the step `reinforce`.
    name
        An agent (`models.agents.settings.AGENTS`) or a baseline.
    seed
        Of training; the first of the run where not given.

    Raises
    ------
    SettingsError
        Where there is no policy of that name.
    DataError
        Where the run does not hold it.
    """
    simulator, settings = load_simulator(folder), run_settings(folder)
    environment = settings.environment
    if name in AGENTS:
        chosen = _seed(folder, name, seed)
        policy: Policy = load_policy(folder, name, chosen)
        environment = load_checkpoint(folder, name, chosen).environment
    elif name in get_args(BaselineName):
        baseline = TypeAdapter[BaselineName](BaselineName).validate_python(name)
        policy = baseline_policy(baseline, simulator, environment, settings.agents)
    else:
        known = (*AGENTS, *get_args(BaselineName))
        raise SettingsError(f"there is no policy {name!r}. Known are {', '.join(known)}.")
    users = read_table(folder.path("users.parquet"), USERS)
    items = read_table(folder.path("items.parquet"), ITEMS)
    return UsablePolicy(name, policy, simulator, environment, users, items, folder)


def learned(policy: UsablePolicy) -> LearnedPolicy:
    """The network of a trained policy.

    Raises
    ------
    SettingsError
        Where it is a baseline.
    """
    if not isinstance(policy.policy, LearnedPolicy):
        raise SettingsError(
            f"{policy.name} is no trained policy of the whole catalogue; choose one of "
            f"{', '.join(AGENTS)}, trained with environment.actions=catalogue."
        )
    return policy.policy


def _seed(folder: RunFolder, agent: str, seed: int | None) -> int:
    stored = sorted(int(path.name.removeprefix("seed-")) for path in folder.path(f"policies/{agent}").glob("seed-*"))
    if seed is None and stored:
        return stored[0]
    if seed is None or seed not in stored:
        what = agent if seed is None else f"{agent} with seed {seed}"
        setting = "on_vote" if agent.endswith(ON_VOTE) else "algorithms"
        raise DataError(
            f"the run holds no policy of {what}",
            file=folder.path(f"policies/{agent}"),
            remedy=f"Train it: --set 'reinforce.agents.{setting}=[{algorithm_of(agent)}]', or choose one that is there",
        )
    return seed
