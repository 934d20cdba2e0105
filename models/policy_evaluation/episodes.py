"""Sessions played to their ends and written down step by step: logs for other tools to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

_SESSIONS_AT_ONCE = 128
_KEYS = ("episodes", "steps")


@dataclass(frozen=True)
class EpisodeLog:
    """r steps of e episodes, sorted by episode and step.

    Parameters
    ----------
    episodes, steps
        int64 arrays of shape (r,): the episode, and the step's number in it, both from 0.
    users, items, actions
        int64 arrays of shape (r,): row numbers, and the item's place in the catalogue.
    rewards, probabilities
        float32 arrays of shape (r,).
    likes, terminated, truncated
        bool arrays of shape (r,).
    votes
        int8 array of shape (r, 3): keyword matching, similarity, SASRec.
    observations
        By part of the observation: the r + e observations before each step and after an episode's last, in the same
        order; empty where they were not asked for.
    """

    episodes: NDArray[np.int64]
    steps: NDArray[np.int64]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    likes: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    votes: NDArray[np.int8]
    observations: dict[str, NDArray[np.number]]

    def __len__(self) -> int:
        return len(self.episodes)


def play_episodes(
    policy: Policy,
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    *,
    episodes: int,
    seed: int,
    observations: bool = False,
) -> EpisodeLog:
    """Play sessions with one policy and keep every step.

    Parameters
    ----------
    policy
        Who recommends.
    simulator
        The audience.
    environment
        Rules of a session.
    episodes
        Number of sessions; session e depends on `seed` and e only, and is that of
        `models.policy_evaluation.values.evaluate`.
    seed
        Of users, coins and session ends.
    observations
        Whether to keep what an agent sees, which takes about 4 (d + 5) + n_actions bytes a step.
    """
    seeds = np.random.SeedSequence(seed).generate_state(episodes, np.uint64).tolist()
    rows: list[dict[str, NDArray[np.generic]]] = []
    seen: list[dict[str, NDArray[np.number]]] = []
    for start in range(0, episodes, _SESSIONS_AT_ONCE):
        sessions = SessionBatch(simulator, environment, seeds[start : start + _SESSIONS_AT_ONCE])
        running, step = start + np.arange(len(sessions)), 0
        while len(running):
            if observations:
                seen.append(_observed(sessions, np.arange(len(running)), running, step))
            users = sessions.users.copy()
            outcome = sessions.step(policy.actions(sessions))
            rows.append(
                {
                    "episodes": running,
                    "steps": np.full(len(running), step),
                    "users": users,
                    "items": outcome.items,
                    "actions": outcome.actions,
                    "rewards": outcome.rewards.copy(),
                    "probabilities": outcome.responses.probability,
                    "likes": outcome.responses.like,
                    "terminated": outcome.terminated,
                    "truncated": outcome.truncated,
                    "votes": outcome.responses.votes,
                }
            )
            step += 1
            ended = np.flatnonzero(outcome.done)
            if observations and len(ended):
                seen.append(_observed(sessions, ended, running[ended], step))
            going_on = np.flatnonzero(~outcome.done)
            sessions.keep(going_on)
            running = running[going_on]
    kept = _sorted(seen) if observations else {}
    return EpisodeLog(
        **_sorted(rows),  # type: ignore[arg-type]  # of the fields' types
        observations={name: values for name, values in kept.items() if name not in _KEYS},  # type: ignore[misc]
    )


def _observed(
    sessions: SessionBatch, rows: NDArray[np.int64], episodes: NDArray[np.int64], step: int
) -> dict[str, NDArray[np.number]]:
    return {"episodes": episodes, "steps": np.full(len(rows), step)} | sessions.observations(rows)


def _sorted(parts: Sequence[Mapping[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
    """All parts by column, sorted by episode and step."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort([joined[name] for name in reversed(_KEYS)])
    return {name: values[order] for name, values in joined.items()}
