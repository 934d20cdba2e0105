"""Whether a longer horizon pays on a generated world: agents by discount, beside greedy policies with and without it.

    .venv/bin/python benchmarks/horizon.py data/sample [--gammas 0 .2 .6 .9] [--seeds 0 1 2] [--sessions 1000] [--json]

All are played on the same sessions and judged by the true P(like) of what they show, given what the user remembers.
`over_item_mean` and `over_shortest`, the same algorithm with the first of the gammas, are paired differences of true
likes in a session with 95 % intervals over seeds and sessions; `bored` is how many likes of a session boredom took.

What foresight could bring at most is told by three policies that know the truth: `greedy_truth`, which takes the best
item now, `truth_without_boredom`, which knows no boredom, and `truth_foreseeing`, which counts it twice: once for what
the item loses by what was shown before it, and once for what it takes from those of its category that follow. In a
steady state, where each is shown as often before as after, that is the right price. Policies are trained in memory,
`--processes` at a time; the run stays as it is.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.agents.settings import AgentSettings, AlgorithmName, BaselineName
from models.agents.training import train_agent
from models.metrics.intervals import crossed_interval
from models.policy_evaluation.episodes import batches, play
from models.policy_evaluation.truth import GreedyTruthPolicy, Truth
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from storage.run_folder import RunFolder
from tasks.loading import load_simulator
from tasks.policies.checkpoints import baseline_policy
from tasks.policies.settings import run_settings
from tasks.truth import load_truth

BASELINES: tuple[BaselineName, ...] = ("random", "item_mean", "untrained", "greedy_ensemble")
AGENTS: tuple[AlgorithmName, ...] = ("a2c", "dqn")
REFERENCE, SESSION_SEED = "item_mean", 1


@dataclass(frozen=True)
class Played:
    """Sessions of one policy: sums of rewards, of true P(like), and of what boredom took from it, float64 (n,) each."""

    rewards: NDArray[np.float64]
    likes: NDArray[np.float64]
    bored: NDArray[np.float64]


def with_gamma(settings: AgentSettings, algorithm: AlgorithmName, gamma: float) -> AgentSettings:
    """The settings with another discount of one algorithm."""
    own = getattr(settings, algorithm).model_copy(update={"gamma": gamma})
    return settings.model_copy(update={algorithm: own})


def trained(run: Path, algorithm: AlgorithmName, gamma: float, seed: int) -> Policy:
    """One agent, in a process of its own."""
    settings = run_settings(RunFolder(run))
    agents = with_gamma(settings.agents, algorithm, gamma)
    return train_agent(load_simulator(RunFolder(run)), settings.training, agents, algorithm, seed).policy


def played(policy: Policy, simulator: UserSimulator, rules: EnvironmentSettings, truth: Truth, n: int) -> Played:
    """One policy on n sessions, the same for all policies."""
    sums = np.zeros((3, n))
    for start, sessions in batches(simulator, rules, n, SESSION_SEED):
        episodes = play(policy, sessions, truth=truth)
        true = episodes.true_probabilities
        fresh = np.where(true > 0, truth.probabilities[episodes.users, episodes.items], 0)  # nothing for repeats
        for total, values in zip(sums, (episodes.rewards, true, fresh - true), strict=True):
            np.add.at(total, start + episodes.episodes, values)
    return Played(*sums)


def knowing(truth: Truth) -> dict[str, Sequence[Policy]]:
    """Policies that know the truth."""
    policies: dict[str, Sequence[Policy]] = {"greedy_truth": [GreedyTruthPolicy(truth)]}
    if truth.boredom is not None:
        twice = replace(truth.boredom, loss=2 * truth.boredom.loss)
        policies["truth_without_boredom"] = [GreedyTruthPolicy(replace(truth, boredom=None))]
        policies["truth_foreseeing"] = [GreedyTruthPolicy(replace(truth, boredom=twice))]
    return policies


def agents_of(run: Path, gammas: Sequence[float], seeds: Sequence[int], processes: int) -> dict[str, Sequence[Policy]]:
    """Agents by algorithm and gamma, one policy a seed."""
    names: dict[str, tuple[AlgorithmName, float]] = {
        f"{algorithm} {gamma:g}": (algorithm, gamma) for algorithm in AGENTS for gamma in gammas
    }
    policies: dict[str, Sequence[Policy]] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {name: [pool.submit(trained, run, *which, seed) for seed in seeds] for name, which in names.items()}
        for name, futures in running.items():
            policies[name] = [future.result() for future in futures]
            print(f"{name}: trained", file=sys.stderr)
    return policies


def table(results: Mapping[str, Sequence[Played]], gammas: Sequence[float]) -> list[dict[str, object]]:
    """A row a policy."""
    likes = {name: np.stack([part.likes for part in parts]) for name, parts in results.items()}
    rows: list[dict[str, object]] = []
    for name, parts in results.items():
        algorithm = name.split(" ")[0]
        shortest = f"{algorithm} {gammas[0]:g}"
        against = {"over_item_mean": REFERENCE} | ({"over_shortest": shortest} if algorithm in AGENTS else {})
        differences = {
            column: crossed_interval(likes[name] - likes[other]) for column, other in against.items() if other != name
        }
        rows.append(
            {
                "policy": name,
                "reward": round(float(np.mean([part.rewards for part in parts])), 2),
                "true_likes": round(float(likes[name].mean()), 2),
                "bored": round(float(np.mean([part.bored for part in parts])), 2),
                **{
                    column: f"{difference.mean:+.2f} [{difference.ci95[0]:+.2f}, {difference.ci95[1]:+.2f}]"
                    for column, difference in differences.items()
                },
            }
        )
    return rows


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--gammas", type=float, nargs="+", default=[0, 0.2, 0.6, 0.9])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    folder = RunFolder(arguments.run)
    settings, simulator = run_settings(folder), load_simulator(folder)
    truth = load_truth(folder, simulator.n_users, simulator.n_items)
    if truth is None:
        parser.error(
            f"{arguments.run} has no truth.parquet; expected the run of a generated world, such as data/sample"
        )
    policies: dict[str, Sequence[Policy]] = {
        name: [baseline_policy(name, simulator, settings.training, settings.agents)] for name in BASELINES
    }
    policies |= agents_of(arguments.run, arguments.gammas, arguments.seeds, arguments.processes) | knowing(truth)
    results = {
        name: [played(policy, simulator, settings.evaluation, truth, arguments.sessions) for policy in parts]
        for name, parts in policies.items()
    }
    rows = table(results, arguments.gammas)
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=240, tbl_hide_column_data_types=True):
        print(pl.DataFrame(rows, infer_schema_length=None))


if __name__ == "__main__":
    main()
