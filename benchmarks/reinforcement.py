"""The full table: every algorithm and every baseline on finished run folders, with intervals over seeds and episodes.

    .venv/bin/python benchmarks/reinforcement.py data/sample data/amazon-music data/movielens [--seeds 0 1 2 3 4]
        [--steps 30000] [--episodes 300] [--algorithms a2c dqn ...] [--json]

Nothing is written into the folders. `reward` is the mean return of an evaluation episode with its 95 % interval,
`of_greedy` its share of the upper line's, `over_random` and `over_popular` the paired differences of an episode,
`last_fifth` what the learning curve rose in the last fifth of training, `seconds` one seed's training.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import polars as pl
import torch

from models.agents.settings import ALGORITHMS, AgentSettings
from models.agents.training import TrainedAgent, train_agent
from models.policy_evaluation.values import Evaluation, evaluate_policy, over_seeds, paired_difference
from models.simulation.settings import EnvironmentSettings
from storage.errors import RecaudienceError
from storage.run_folder import RunFolder
from tasks.loading import load_simulator
from tasks.policies.checkpoints import baseline_policy


def table(root: Path, settings: AgentSettings) -> list[dict[str, object]]:
    """A row for each policy of one run folder, best first."""
    simulator, environment = load_simulator(RunFolder(root)), EnvironmentSettings()
    asked = (simulator, environment, settings.evaluation_episodes, settings.evaluation_seed)
    evaluations: dict[str, list[Evaluation]] = {}
    agents: dict[str, list[TrainedAgent]] = {}
    for name in settings.baselines:
        evaluations[name] = [evaluate_policy(baseline_policy(name, simulator, environment, settings), *asked)]
    for name in settings.algorithms:
        agents[name] = [train_agent(simulator, environment, settings, name, seed) for seed in settings.seeds]
        evaluations[name] = [evaluate_policy(agent.policy, *asked) for agent in agents[name]]
        logging.info("%s %s: %.2f", root.name, name, np.mean([part.returns.mean() for part in evaluations[name]]))
    best = float(evaluations["greedy"][0].returns.mean())
    rows = [
        {"dataset": root.name, "policy": name}
        | row(parts, evaluations, best)
        | training(agents.get(name, []), settings.steps)
        for name, parts in evaluations.items()
    ]
    return sorted(rows, key=lambda found: -float(str(found["reward"])))


def row(parts: list[Evaluation], evaluations: dict[str, list[Evaluation]], best: float) -> dict[str, object]:
    """A policy's figures."""
    figures = over_seeds(parts, 0)
    reward, (low, high) = figures["average_reward"].mean, figures["average_reward"].ci95
    found: dict[str, object] = {
        "reward": round(reward, 2),
        "ci95": f"{low:.2f} to {high:.2f}",
        "of_greedy": round(reward / best, 3),
        "liking_at_10": round(figures["liking_at_10"].mean, 3),
    }
    for short, other in (("over_random", "random"), ("over_popular", "popularity")):
        difference = paired_difference(parts, evaluations[other])
        low, high = difference.ci95
        found[short] = f"{difference.mean:+.2f} ({low:+.2f} to {high:+.2f})"
    return found


def training(agents: list[TrainedAgent], steps: int) -> dict[str, object]:
    """How training went, where there was any."""
    if not agents:
        return {"last_fifth": None, "seconds": None}
    rises = []
    for agent in agents:
        at, rewards = (np.array(of) for of in zip(*agent.learning_curve, strict=True))
        late, before = rewards[at > 0.8 * steps], rewards[(at > 0.6 * steps) & (at <= 0.8 * steps)]
        rises.append(late.mean() - before.mean())
    return {
        "last_fifth": round(float(np.mean(rises)), 2),
        "seconds": round(float(np.mean([agent.seconds for agent in agents])), 1),
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--algorithms", nargs="+", choices=list(ALGORITHMS), default=list(ALGORITHMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=AgentSettings().steps)
    parser.add_argument("--episodes", type=int, default=AgentSettings().evaluation_episodes)
    parser.add_argument("--threads", type=int, default=AgentSettings().threads)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)  # Prefect has set up its own
    torch.set_num_threads(arguments.threads)
    settings = AgentSettings.model_validate(
        {
            "algorithms": arguments.algorithms,
            "seeds": arguments.seeds,
            "steps": arguments.steps,
            "evaluation_episodes": arguments.episodes,
            "threads": arguments.threads,
        }
    )
    try:
        rows = [found for folder in arguments.folders for found in table(folder, settings)]
    except RecaudienceError as error:
        parser.exit(1, f"error: {error}\n")
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, tbl_hide_column_data_types=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
