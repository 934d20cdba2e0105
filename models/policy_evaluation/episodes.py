"""Sessions played to their ends with one policy, kept step by step: what evaluation, logs and case study rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.interactions import NO_ITEM, Histories
from models.policy_evaluation.truth import Truth
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.step_result import StepResult

_SESSIONS_AT_ONCE = 128
_KEYS = ("episodes", "steps")


@dataclass(frozen=True)
class Episodes:
    """r steps of e episodes, sorted by episode and step.

    Parameters
    ----------
    episodes, steps
        int64 arrays of shape (r,): the episode, and the step's number in it, both from 0.
    users, items, actions
        int64 arrays of shape (r,): row numbers, and the item's place in the catalogue.
    shown
        int64 array of shape (r, k): places in the catalogue that were shown; k is 1 but for slates.
    rewards, probabilities, true_probabilities
        float32 arrays of shape (r,): earned, P(like) by the simulator, and in truth; NaN where no truth is known.
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
    shown: NDArray[np.int64]
    rewards: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    true_probabilities: NDArray[np.float32]
    likes: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    votes: NDArray[np.int8]
    observations: dict[str, NDArray[np.number]]

    def __len__(self) -> int:
        return len(self.episodes)


@dataclass(frozen=True)
class Step:
    """One step of the sessions that still run.

    Parameters
    ----------
    episodes, users
        int64 arrays of shape (b,): numbers of the sessions in the batch as it began, and whose they are.
    shown
        int64 array of shape (b, k): places in the catalogue that were shown.
    before
        What these users remembered before the step.
    result
        Result of the step.
    """

    episodes: NDArray[np.int64]
    users: NDArray[np.int64]
    before: Histories
    shown: NDArray[np.int64]
    result: StepResult


def steps(policy: Policy, sessions: Sessions, *, endless: bool = False) -> Iterator[Step]:
    """Play sessions step by step; those that ended are no longer stepped, unless sessions are to be endless."""
    running = np.arange(len(sessions))
    while len(running):
        users, before = sessions.users.copy(), sessions.histories.copy()
        result = sessions.step(policy.actions(sessions))
        yield Step(running, users, before, result.shown, result)
        if not endless:
            going_on = np.flatnonzero(~result.done)
            sessions.keep(going_on)
            running = running[going_on]


def play(policy: Policy, sessions: Sessions, *, truth: Truth | None = None, observations: bool = False) -> Episodes:
    """Play all sessions of a batch to their ends.

    Parameters
    ----------
    policy
        Who recommends.
    sessions
        As they begin; none is left afterwards.
    truth
        Of a generated world.
    observations
        Whether to keep what an agent sees, which takes about 4 (d + 5) + n_actions bytes a step.

    Returns
    -------
    Session e of the batch is episode e.
    """
    rows: list[dict[str, NDArray[np.generic]]] = []
    seen = [_observed(sessions, np.arange(len(sessions)), np.arange(len(sessions)), 0)] if observations else []
    for number, step in enumerate(steps(policy, sessions)):
        result = step.result
        rows.append(
            {
                "episodes": step.episodes,
                "steps": np.full(len(step.episodes), number),
                "users": step.users,
                "items": result.items,
                "actions": result.actions,
                "shown": step.shown,
                "rewards": result.rewards,
                "probabilities": result.responses.probability,
                "true_probabilities": _true(truth, step),
                "likes": result.responses.like,
                "terminated": result.terminated,
                "truncated": result.truncated,
                "votes": result.responses.votes,
            }
        )
        if observations:
            seen.append(_observed(sessions, np.arange(len(sessions)), step.episodes, number + 1))
    kept = _sorted(seen) if observations else {}
    return Episodes(
        **_sorted(rows),  # type: ignore[arg-type]  # of the fields' types
        observations={name: values for name, values in kept.items() if name not in _KEYS},  # type: ignore[misc]
    )


def play_episodes(
    policy: Policy,
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    *,
    episodes: int,
    seed: int,
    observations: bool = False,
) -> Episodes:
    """Play many sessions with one policy, some at a time.

    Parameters
    ----------
    policy
        Who recommends.
    simulator
        The audience.
    environment
        Rules of a session.
    episodes
        Number of sessions; session e depends on `seed` and e only.
    seed
        Of users, coins and session ends.
    observations
        As in `play`.
    """
    parts = []
    for start, sessions in batches(simulator, environment, episodes, seed):
        part = play(policy, sessions, observations=observations)
        parts.append(replace(part, episodes=part.episodes + start))
    if not observations:
        return Episodes(**_joined(parts), observations={})  # type: ignore[arg-type]
    joined = {name: np.concatenate([part.observations[name] for part in parts]) for name in parts[0].observations}
    return Episodes(**_joined(parts), observations=joined)  # type: ignore[arg-type]


def batches(
    simulator: UserSimulator, environment: EnvironmentSettings, episodes: int, seed: int
) -> Iterator[tuple[int, Sessions]]:
    """Sessions for `episodes` episodes, some at a time, each with the number of its first."""
    seeds = np.random.SeedSequence(seed).generate_state(episodes, np.uint64).tolist()
    for start in range(0, episodes, _SESSIONS_AT_ONCE):
        yield start, Sessions(simulator, environment, seeds[start : start + _SESSIONS_AT_ONCE])


def _true(truth: Truth | None, step: Step) -> NDArray[np.float32]:
    """True P(like) of what was taken, float32 (b,); 0 for nothing and for repeats, NaN where no truth is known."""
    items = step.result.items
    if truth is None:
        return np.full(len(items), np.nan, dtype=np.float32)
    return np.where((items == NO_ITEM) | step.result.repeated, 0, truth.of(step.users, items, step.before)).astype(
        np.float32
    )


def _joined(parts: Sequence[Episodes]) -> dict[str, NDArray[np.generic]]:
    names = [field.name for field in fields(Episodes) if field.name != "observations"]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def _observed(
    sessions: Sessions, rows: NDArray[np.int64], episodes: NDArray[np.int64], step: int
) -> dict[str, NDArray[np.number]]:
    return {"episodes": episodes, "steps": np.full(len(rows), step)} | sessions.observations(rows)


def _sorted(parts: Sequence[Mapping[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
    """All parts by column, sorted by episode and step."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort([joined[name] for name in reversed(_KEYS)])
    return {name: values[order] for name, values in joined.items()}
