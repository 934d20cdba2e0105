"""Logs of simulated sessions for other tools: Parquet, RecBole's atomic files, Minari."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from gymnasium import spaces

from models.environments.gym import observation_space
from models.policy_evaluation.episodes import Episodes, play_episodes
from models.simulation.session import Sessions
from storage.errors import SettingsError
from storage.files import publish
from tasks.policies.use import UsablePolicy

LogFormat = Literal["parquet", "recbole", "minari"]
_VOTES = ("keyword_vote", "similarity_vote", "sasrec_vote")


def simulate(policy: UsablePolicy, *, episodes: int, seed: int, log_format: LogFormat, target: Path) -> int:
    """Play sessions with a policy and publish their log.

    Parameters
    ----------
    policy
        Who recommends, and to whom.
    episodes
        Number of sessions.
    seed
        Of users, coins and session ends.
    log_format
        "parquet": a table, one step a row. "recbole": a folder with an .inter file, one step a row. "minari": a
        dataset folder with observations, for offline reinforcement learning.
    target
        The file or folder to write.

    Returns
    -------
    Number of steps.

    Raises
    ------
    SettingsError
        Where Minari is asked for and not installed, or the run's sessions show slates.
    """
    if policy.environment.actions == "slate":
        raise SettingsError("a log has one item a step; sessions with environment.actions=slate show several")
    needs_observations = log_format == "minari"
    if needs_observations:
        _require_minari()
    log = play_episodes(
        policy.policy,
        policy.simulator,
        policy.environment,
        episodes=episodes,
        seed=seed,
        observations=needs_observations,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    if log_format == "parquet":
        with publish(target) as path:
            _table(log, policy).write_parquet(path)
    elif log_format == "recbole":
        with publish(target) as path:
            path.mkdir()
            _atomic(log, policy).write_csv(path / f"{target.name}.inter", separator="\t")
    else:
        _write_minari(log, policy, target, seed)
    return len(log)


def _table(log: Episodes, policy: UsablePolicy) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "episode": log.episodes,
            "step": log.steps,
            "user_id": policy.users["source_id"].gather(log.users),
            "item_id": policy.items["source_id"].gather(log.items),
            "reward": log.rewards,
            "like": log.likes,
            "probability": log.probabilities,
            **{name: log.votes[:, column] for column, name in enumerate(_VOTES)},
            "terminated": log.terminated,
            "truncated": log.truncated,
        }
    )


def _atomic(log: Episodes, policy: UsablePolicy) -> pl.DataFrame:
    """RecBole's columns carry their types; the time is the number of the step, counted through all episodes."""
    return pl.DataFrame(
        {
            "session_id:token": log.episodes,
            "user_id:token": policy.users["source_id"].gather(log.users),
            "item_id:token": policy.items["source_id"].gather(log.items),
            "rating:float": log.rewards,
            "label:float": log.likes.astype(np.float32),
            "timestamp:float": np.arange(len(log), dtype=np.float64),
        }
    )


def _require_minari() -> None:
    try:
        import minari  # noqa: F401  # pyright: ignore[reportMissingImports] - an optional extra
    except ImportError as error:
        raise SettingsError("the format minari needs the package: pip install minari") from error


def _write_minari(log: Episodes, policy: UsablePolicy, target: Path, seed: int) -> None:
    """A dataset named as the target folder, in it; Minari finds it where MINARI_DATASETS_PATH is the parent folder."""
    from minari import create_dataset_from_buffers  # pyright: ignore[reportMissingImports] - an optional extra
    from minari.data_collector import EpisodeBuffer  # pyright: ignore[reportMissingImports]

    sessions = Sessions(policy.simulator, policy.environment, [0])
    starts = np.searchsorted(log.episodes, np.arange(int(log.episodes[-1]) + 2))
    buffers = []
    for episode, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        seen = slice(start + episode, end + episode + 1)  # an episode has one observation more than steps
        buffers.append(
            EpisodeBuffer(
                id=episode,
                seed=seed,
                observations={name: values[seen] for name, values in log.observations.items()},
                actions=log.actions[start:end],  # type: ignore[arg-type]  # arrays are stored like lists
                rewards=log.rewards[start:end].tolist(),
                terminations=log.terminated[start:end].tolist(),
                truncations=log.truncated[start:end].tolist(),
            )
        )
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(target.parent)
    try:
        create_dataset_from_buffers(
            target.name,
            buffers,
            observation_space=observation_space(sessions),
            action_space=spaces.Discrete(sessions.n_actions),
            algorithm_name=policy.name,
            description=f"simulated sessions of {policy.folder.root.name} under the policy {policy.name}",
            author="recaudience",
            author_email="none",
            code_permalink="none",
            data_format="arrow",
        )
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before
