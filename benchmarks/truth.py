"""True likes of a session by policy, on a generated world whose truth is known, beside the simulator's own reward.

    .venv/bin/python benchmarks/truth.py data/sample [--seeds 0 1 2 3 4] [--sessions 1000] [--json]

The roster is fixed: random, popularity, item mean, LinUCB, greedy on the vote and on P(like), the agents' network
before any training (`untrained`), the four algorithms on the default reward, DQN on the paper's vote, and `truth`,
greedy on the truth itself. All are played on the same sessions of the default rules.
`over_untrained` and `over_item_mean` are paired differences of true likes in a session, with 95 % intervals over seeds
and sessions; the last line says how well the simulator's order of the policies, that of `reward`, agrees with the order
by true likes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from models.agents.policies import Policy
from models.agents.settings import AlgorithmName, BaselineName
from models.agents.training import train_agent
from models.metrics.intervals import crossed_interval
from models.policy_evaluation.episodes import batches, play
from models.simulation.session import Sessions
from models.simulation.simulator import UserSimulator
from storage.run_folder import RunFolder
from tasks.loading import load_simulator
from tasks.policies.checkpoints import baseline_policy
from tasks.policies.settings import ReinforceSettings

BASELINES: tuple[BaselineName, ...] = ("random", "popularity", "item_mean", "lin_ucb", "greedy", "greedy_ensemble")
AGENTS: tuple[AlgorithmName, ...] = ("a2c", "dqn", "ppo", "trpo")
SETTINGS = ReinforceSettings()


class TruthPolicy(Policy):
    """The item that the user truly likes best."""

    def __init__(self, truth: NDArray[np.float64]) -> None:
        self.truth = truth

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """True P(like)."""
        return self.truth[sessions.users][:, sessions.catalogue].astype(np.float32)


def played(
    policy: Policy, simulator: UserSimulator, truth: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Reward and true likes of n sessions, (n,) each, and the share of likes by fifth of a session of 50 steps."""
    rewards, likes, by_step = np.zeros(n), np.zeros(n), np.zeros((2, 50))
    for start, sessions in batches(simulator, SETTINGS.environment, n, 1):
        episodes = play(policy, sessions)
        at, true = start + episodes.episodes, truth[episodes.users, episodes.items]
        np.add.at(rewards, at, episodes.rewards)
        np.add.at(likes, at, true)
        early = episodes.steps < by_step.shape[1]
        np.add.at(by_step[0], episodes.steps[early], episodes.likes[early])
        np.add.at(by_step[1], episodes.steps[early], 1)
    return rewards, likes, by_step[0].reshape(5, -1).sum(axis=1) / by_step[1].reshape(5, -1).sum(axis=1)


def roster(simulator: UserSimulator, truth: NDArray[np.float64], seeds: list[int]) -> dict[str, list[Policy]]:
    """Name to policies, one a seed where something is trained."""
    rules, agents = SETTINGS.environment, SETTINGS.agents
    policies = {name: [baseline_policy(name, simulator, rules, agents)] for name in BASELINES}
    untrained = agents.model_copy(
        update={"steps": 1, "n_envs": 1, "a2c": agents.a2c.model_copy(update={"learning_rate": 1e-12})}
    )
    policies["untrained"] = [train_agent(simulator, rules, untrained, "a2c", 0).policy]
    for name in AGENTS:
        policies[name] = [train_agent(simulator, rules, agents, name, seed).policy for seed in seeds]
        print(f"{name}: trained", file=sys.stderr)
    by_vote = rules.model_copy(update={"reaction": "vote", "reward": "reaction"})
    policies["dqn_on_vote"] = [train_agent(simulator, by_vote, agents, "dqn", seed).policy for seed in seeds]
    return {**policies, "truth": [TruthPolicy(truth)]}


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    simulator = load_simulator(RunFolder(arguments.run))
    table = pl.read_parquet(arguments.run / "truth.parquet")
    truth = np.zeros((simulator.n_users, simulator.n_items))
    truth[table["user_id"], table["item_id"]] = table["probability"]
    results = {
        name: [played(policy, simulator, truth, arguments.sessions) for policy in policies]
        for name, policies in roster(simulator, truth, arguments.seeds).items()
    }
    true = {name: np.stack([likes for _, likes, _ in parts]) for name, parts in results.items()}
    rows = []
    for name, parts in results.items():
        over = {against: crossed_interval(true[name] - true[against]) for against in ("untrained", "item_mean")}
        rows.append(
            {
                "policy": name,
                "reward": round(float(np.mean([reward for reward, _, _ in parts])), 2),
                "true_likes": round(float(true[name].mean()), 2),
                **{
                    f"over_{against}": f"{difference.mean:+.2f} [{difference.ci95[0]:+.2f}, {difference.ci95[1]:+.2f}]"
                    for against, difference in over.items()
                },
                "likes_by_ten_steps": " ".join(f"{share:.2f}" for share in np.mean([rate for _, _, rate in parts], 0)),
            }
        )
    rewards, likes = ([float(row[key]) for row in rows] for key in ("reward", "true_likes"))
    agreement = f"Spearman {spearmanr(rewards, likes)[0]:.2f}, Kendall's tau {kendalltau(rewards, likes)[0]:.2f}"
    if arguments.json:
        print(json.dumps(rows))
    else:
        with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=60, tbl_hide_column_data_types=True):
            print(pl.DataFrame(rows))
    print(agreement, file=sys.stderr)


if __name__ == "__main__":
    main()
