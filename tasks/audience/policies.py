"""Policies that people bring along or load: their own objects, Stable-Baselines3's agents, those of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy

from models.agents import policies
from models.environments.repetition import RepetitionWatch
from models.simulation.session import Sessions
from storage.run_folder import RunFolder
from tasks.audience.arguments import (
    LARGEST_SEED,
    ArgumentError,
    argument_errors,
    folder_path,
    instance,
    sequence,
    shown,
    whole_number,
)
from tasks.audience.audience import Audience
from tasks.audience.environments import agent_observations, tastes
from tasks.audience.histories import History, told
from tasks.policies.use import RecommendedItem, UsablePolicy, load_policy_for_use


@runtime_checkable
class Policy(Protocol):
    """Whatever recommends: what `evaluate_policy` takes of people's own."""

    def recommend(self, users: Sequence[str], histories: Sequence[History], k: int) -> Sequence[object]:
        """The best items for b users, best first.

        Parameters
        ----------
        users
            b own ids.
        histories
            What each user reacted to, the running session included: b times (items, likes, ratings).
        k
            Items a user: 1 in a step of a session, 10 once before it, for Liking@10.

        Returns
        -------
        b items, or b lists of up to k items: own ids or row numbers.
        """
        ...


class RunPolicy:
    """A policy of a run, for the users of that run.

    Parameters
    ----------
    policy
        The policy with its audience.
    audience
        The same run's, which knows the ids.
    """

    def __init__(self, policy: UsablePolicy, audience: Audience) -> None:
        self.policy, self.audience = policy, audience

    def __repr__(self) -> str:
        return f"RunPolicy({self.policy.name!r} of {str(self.audience.folder.root)!r})"

    def recommend(self, users: object, k: int = 10) -> list[list[RecommendedItem]]:
        """The k best items for each user that the user has no training interaction with, best first.

        Parameters
        ----------
        users
            b own ids or row numbers.
        k
            Items a user; fewer where the catalogue has no more that the user does not know.

        Raises
        ------
        TypeError, ValueError
            Where an argument cannot be used.
        """
        rows = self.audience.users.rows("users", users)
        n = whole_number("k", k, 1, len(self.audience.items))
        return self.policy.recommend([self.audience.users.own[row] for row in rows.tolist()], n) if len(rows) else []


def load_policy(run: str | os.PathLike[str], name: str, seed: int | None = None) -> RunPolicy:
    """A trained policy or a baseline of a run.

    Parameters
    ----------
    run
        The run folder, as text or path.
    name
        An algorithm, such as "dqn", or a baseline, such as "popularity".
    seed
        Of training; the first of the run where not given.

    Raises
    ------
    TypeError, ValueError
        Where an argument cannot be used, or the run does not hold the policy.
    """
    folder, chosen = RunFolder(folder_path("run", run)), instance("name", name, str, "a policy's name, as in 'dqn'")
    trained = None if seed is None else whole_number("seed", seed, 0, LARGEST_SEED)
    with argument_errors("name"):
        policy = load_policy_for_use(folder, chosen, trained)
        return RunPolicy(policy, Audience(folder, policy.simulator))


class OwnPolicy(policies.Policy):
    """An object of people's own, asked under the dataset's ids and held to what it may answer.

    Parameters
    ----------
    policy
        The object.
    audience
        Who knows the ids.
    """

    def __init__(self, policy: Policy, audience: Audience) -> None:
        self._policy, self._audience = policy, audience
        self._watch = RepetitionWatch("the histories that recommend() is given tell what users have seen")

    def actions(self, sessions: Sessions) -> NDArray[np.int64]:
        """Places in the catalogue of the one item, or the slate, for each session."""
        if sessions.settings.actions != "slate":
            places = self._places(sessions, 1)[:, 0]
            repeats = sessions.seen[np.arange(len(places)), places] & ~sessions.seen.all(axis=1)
            self._watch.count(repeats, sessions.settings)
            return places
        k = sessions.settings.slate_size
        places = self._places(sessions, k)
        if places.shape[1] != k or any(len(set(row)) != k for row in places.tolist()):
            raise ArgumentError(f"policy.recommend: found fewer than {k} different items a user, expected a slate")
        return places

    def top_k(self, sessions: Sessions, k: int) -> NDArray[np.int64]:
        """Places of the best items of each session, as many as the policy names for all of them."""
        return self._places(sessions, min(k, sessions.n_actions))

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """One for the item that is recommended, zero for the others."""
        scores = np.zeros(sessions.seen.shape, dtype=np.float32)
        np.put_along_axis(scores, self._places(sessions, 1), 1, axis=1)
        return scores

    def _places(self, sessions: Sessions, k: int) -> NDArray[np.int64]:
        """Places in the catalogue of what the policy answers: int64 (b, m), m at most k."""
        users = self._audience.users.array[sessions.users].tolist()
        answer = self._policy.recommend(users, told(sessions.histories, self._audience.items), k)
        items = self._items(answer, len(sessions), k)
        places = np.searchsorted(sessions.catalogue, items).clip(max=sessions.n_actions - 1)
        absent = items[sessions.catalogue[places] != items]
        if len(absent):
            raise ArgumentError(
                f"policy.recommend: found item {self._audience.items.own[absent[0]]!r}, expected one of the "
                f"{sessions.n_actions} that sessions may recommend: users.catalogue() lists them, "
                "settings=EnvironmentSettings(catalogue_size=None) admits all"
            )
        return places

    def _items(self, answer: object, b: int, k: int) -> NDArray[np.int64]:
        rows = answer.tolist() if isinstance(answer, np.ndarray) else sequence("policy.recommend", answer, "items")
        if not isinstance(rows, list) or len(rows) != b:
            raise ArgumentError(f"policy.recommend: found {shown(answer)} for {b} users, expected an item for each")
        lists = [
            [row] if isinstance(row, str | int | np.integer) else sequence(f"policy.recommend[{place}]", row, "items")
            for place, row in enumerate(rows)
        ]
        shortest, longest = min(map(len, lists)), max(map(len, lists))
        if not 1 <= shortest <= longest <= k:
            raise ArgumentError(
                f"policy.recommend: found from {shortest} to {longest} items a user, expected from 1 to {k}"
            )
        flat = [item for items in lists for item in items[:shortest]]
        return self._audience.items.rows("policy.recommend", flat).reshape(b, shortest)


class AgentPolicy(policies.Policy):
    """A Stable-Baselines3 agent that was trained on `make_vec_env` or on the Gymnasium environment.

    Where its network ranks actions, the best one that would earn something is recommended, as for the run's own
    agents; otherwise what the agent predicts.

    Parameters
    ----------
    agent
        The agent.
    audience
        What it was trained on.
    """

    def __init__(self, agent: BaseAlgorithm, audience: Audience) -> None:
        self._agent, self._tastes = agent, tastes(audience)

    @property
    def ranks(self) -> bool:
        """Whether the network says how good each action is."""
        policy = self._agent.policy
        actors = isinstance(policy, ActorCriticPolicy | MaskableActorCriticPolicy)
        return isinstance(policy, DQNPolicy | QRDQNPolicy) or (
            actors and isinstance(self._agent.action_space, spaces.Discrete)
        )

    def actions(self, sessions: Sessions) -> NDArray[np.int64]:
        """Places in the catalogue of what the agent chooses."""
        if self.ranks and sessions.settings.actions == "catalogue":
            return self.best(sessions, self.scores(sessions))
        chosen, _ = self._agent.predict(self._observations(sessions), deterministic=True)
        return sessions.action_space.resolve(sessions, chosen)

    def top_k(self, sessions: Sessions, k: int) -> NDArray[np.int64]:
        """Places of the k best items; the one that is chosen where the network does not rank."""
        if self.ranks and sessions.settings.actions == "catalogue":
            return super().top_k(sessions, k)
        return self.actions(sessions).reshape(len(sessions), -1)[:, :k]

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Values, or logits, of all actions."""
        policy = self._agent.policy
        observations, _ = policy.obs_to_tensor(self._observations(sessions))
        with torch.no_grad():
            if isinstance(policy, QRDQNPolicy):
                values = policy.quantile_net(observations).mean(dim=1)
            elif isinstance(policy, DQNPolicy):
                values = policy.q_net(observations)
            else:
                distribution = policy.get_distribution(observations)  # type: ignore[operator]  # of an actor
                values = distribution.distribution.logits
        return values.numpy(force=True).astype(np.float32)

    def _observations(self, sessions: Sessions) -> dict[str, NDArray[np.number]]:
        """Those parts that the agent was trained with.

        Raises
        ------
        ArgumentError
            Where the sessions are not like those that it was trained in.
        """
        parts, wanted = agent_observations(self._tastes, sessions), self._agent.observation_space
        trained = self._agent.action_space
        if not isinstance(wanted, spaces.Dict) or trained != sessions.action_space.space:
            raise ArgumentError(
                f"policy: found an agent with actions {trained}, expected {sessions.action_space.space}: one trained "
                "on recaudience.make_vec_env(users, ...) with the same settings"
            )
        for name, space in wanted.spaces.items():
            if name not in parts or parts[name].shape[1:] != space.shape:
                raise ArgumentError(
                    f"policy: found an agent that observes {name!r} of shape {space.shape}, which these sessions do "
                    "not show; train it on recaudience.make_vec_env(users, ...) with the same settings"
                )
        return {name: parts[name] for name in wanted.spaces}
