"""What policies are worth by what is known beside the simulator: the truth of a generated world, or held-out ratings.

    .venv/bin/python benchmarks/truth.py data/sample [--seeds 0 1 2 3 4] [--sessions 1000] [--json]

The roster is fixed: random, popularity, item mean, SASRec, LinUCB, the agents' network before any training, the four
algorithms on the run's reward, DQN on the paper's vote, greedy on the vote and on P(like), and, in a generated world,
greedy on the truth. All are played on the same sessions. The table is the report's (tasks/report/policy_table.py);
under it stand how alike the simulator and its judge order the policies, the share of likes of the random policy
over a session, which stays as it is unless the audience confirms itself, and, in a generated world, how likely likes
are among pairs that nobody rated. `--only-pairs` prints the last two and trains nothing. Policies are trained in
memory, `--processes` at a time; the run stays as it is.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import torch

from models.agents.policies import Policy, RandomPolicy
from models.agents.settings import AgentSettings, algorithm_of
from models.agents.training import TrainedAgent, train_agent
from models.policy_evaluation.comparison import Reinforcement
from models.policy_evaluation.episodes import play_episodes
from models.simulation.simulator import UserSimulator, coins
from storage.run_folder import RunFolder
from tasks.loading import load_interactions, load_simulator
from tasks.policies.checkpoints import PolicyCheckpoint, baseline_policy
from tasks.policies.comparison import compare_policies
from tasks.policies.settings import ReinforceSettings, run_settings
from tasks.report.policy_table import reinforcement_table
from tasks.report.wording import agreement_sentence
from tasks.truth import load_truth

STRETCH, STRETCHES = 10, 5
PAIRS = 50_000


def trained(run: Path, settings: ReinforceSettings, agent: str, seed: int) -> TrainedAgent:
    """One agent, in a process of its own."""
    simulator = load_simulator(RunFolder(run))
    return train_agent(simulator, settings.training_of(agent), settings.agents, algorithm_of(agent), seed)


def compared(run: Path, settings: ReinforceSettings, processes: int) -> tuple[Reinforcement, UserSimulator]:
    """All policies of the roster, trained, played and judged."""
    agents, names, simulator = settings.agents, settings.trained, load_simulator(RunFolder(run))
    policies: dict[str, Sequence[Policy]] = {
        name: [baseline_policy(name, simulator, settings.training, agents)] for name in agents.baselines
    }
    checkpoints: dict[str, list[PolicyCheckpoint]] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {name: [pool.submit(trained, run, settings, name, seed) for seed in agents.seeds] for name in names}
        for name, futures in running.items():
            results = [future.result() for future in futures]
            print(f"{name}: trained", file=sys.stderr)
            policies[name] = [result.policy for result in results]
            checkpoints[name] = [
                PolicyCheckpoint.of(result, name, seed, "", settings.training_of(name))
                for result, seed in zip(results, agents.seeds, strict=True)
            ]
    return compare_policies(RunFolder(run), simulator, settings, policies, checkpoints), simulator


def likes_of_chance(simulator: UserSimulator, settings: ReinforceSettings) -> list[float]:
    """Share of likes of the random policy in each ten steps of a session."""
    agents = settings.agents
    played = play_episodes(
        RandomPolicy(agents.evaluation_seed),
        simulator,
        settings.evaluation,
        episodes=agents.evaluation_episodes,
        seed=agents.evaluation_seed,
    )
    stretches = played.steps // STRETCH
    return [float(played.likes[stretches == stretch].mean()) for stretch in range(STRETCHES)]


def unrated_pairs(folder: RunFolder, simulator: UserSimulator) -> dict[str, float]:
    """Mean P(like) of pairs that nobody rated, in truth and by the simulator; nothing where no truth is known."""
    truth = load_truth(folder, simulator.n_users, simulator.n_items)
    if truth is None:
        return {}
    every = load_interactions(folder, ("train", "validation", "test"))
    unrated = np.ones((simulator.n_users, simulator.n_items), dtype=bool)
    unrated[every.users, every.items] = False
    users, items = np.nonzero(unrated)
    drawn = np.random.default_rng(0).permutation(len(users))[:PAIRS]
    users, items = users[drawn], items[drawn]
    shown, rated, votes, true = (np.empty(len(users)) for _ in range(4))
    for rows, histories in simulator.interactions.histories_by_parts(users, simulator.max_history):
        at = users[rows], items[rows]
        answers = simulator.respond(*at, histories, coins(np.random.default_rng(0), len(at[0])))
        shown[rows], rated[rows], votes[rows] = answers.probability, answers.rated_probability, answers.vote
        true[rows] = truth.of(*at, histories)
    return {"truth": true.mean(), "shown": shown.mean(), "rated": rated.mean(), "vote": votes.mean()}


def print_pairs(folder: RunFolder, simulator: UserSimulator, settings: ReinforceSettings) -> None:
    """Likes of chance over a session, and of pairs that nobody rated."""
    print("Likes of random in each ten steps:", *(f"{share:.3f}" for share in likes_of_chance(simulator, settings)))
    for name, mean in unrated_pairs(folder, simulator).items():
        print(f"Likes of unrated pairs, {name}: {mean:.3f}")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only-pairs", action="store_true", help="train and play no agents")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    settings = run_settings(RunFolder(arguments.run))
    roster = AgentSettings().model_dump(include={"algorithms", "on_vote", "baselines"})
    chosen = {"seeds": tuple(arguments.seeds), "evaluation_episodes": arguments.sessions, **roster}
    settings = settings.model_copy(update={"agents": settings.agents.model_copy(update=chosen)})
    if arguments.only_pairs:
        print_pairs(RunFolder(arguments.run), load_simulator(RunFolder(arguments.run)), settings)
        return
    comparison, simulator = compared(arguments.run, settings, arguments.processes)
    if arguments.json:
        print(json.dumps(comparison.model_dump(mode="json", exclude_none=True)))
        return
    header, *rows = reinforcement_table(comparison).plain()
    with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=240, tbl_hide_column_data_types=True):
        print(pl.DataFrame(rows, schema=[f"{title}{' ' * place}" for place, title in enumerate(header)], orient="row"))
    if comparison.agreement and comparison.judge:
        print(agreement_sentence(comparison.agreement, comparison.judge))
    print_pairs(RunFolder(arguments.run), simulator, settings)


if __name__ == "__main__":
    main()
