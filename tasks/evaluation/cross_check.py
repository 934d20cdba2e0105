"""Cross-simulator check: policies trained on one reward model, evaluated on the others and on held-out logged ratings.

A policy may learn the whims of the simulator that it was trained on. So each algorithm is trained on three rewards (the
paper's vote, SASRec alone, the ensemble's probability), and all policies, baselines too, are played under all three and
estimated off-policy from the test split, which nothing was trained on (models/policy_evaluation/off_policy.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from pydantic import TypeAdapter
from scipy.stats import rankdata

from models.agents.policies import Policy
from models.agents.settings import AgentSettings, AlgorithmName
from models.agents.training import train_agent
from models.metrics.intervals import Estimate
from models.metrics.results import Result
from models.policy_evaluation.off_policy import logged_reactions, off_policy_value
from models.policy_evaluation.values import evaluate_policy, over_seeds
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import UserSimulator
from storage.errors import SettingsError
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.loading import load_interactions, load_simulator
from tasks.policies.checkpoints import baseline_policy
from tasks.policies.comparison import TOP_SHARE
from tasks.policies.settings import ReinforceSettings, run_settings
from tasks.step import step_logger

RewardModel = Literal["vote", "sasrec", "probability"]
REWARDS: tuple[RewardModel, ...] = ("vote", "sasrec", "probability")
_RULES = {
    "vote": {"reaction": "vote", "reward": "reaction"},
    "sasrec": {"reaction": "sasrec", "reward": "reaction"},
    "probability": {"reaction": "draw", "reward": "probability"},
}
REPORT = "report/cross_check.json"


class CheckedPolicy(Result):
    """A policy's average reward under each reward model, and its estimated share of likes among logged ratings."""

    name: str
    trained_on: RewardModel | None
    simulated: dict[str, Estimate]
    snips: Estimate
    dr: Estimate
    effective_reactions: float


class CrossCheck(Result):
    """report/cross_check.json."""

    dataset: str
    steps: int
    episodes: int
    recommended_among: int
    logged_reactions: int
    logged_like_rate: float
    policies: tuple[CheckedPolicy, ...]
    rank_correlations: dict[str, dict[str, float]]


def cross_check(
    folder: RunFolder, algorithms: Sequence[str], *, steps: int | None = None, episodes: int | None = None
) -> CrossCheck:
    """Train, play, estimate, publish report/cross_check.json.

    Parameters
    ----------
    folder
        A finished run.
    algorithms
        What to train.
    steps, episodes
        Of training and evaluation; the run's where None.

    Raises
    ------
    SettingsError
        Where an algorithm is unknown.
    """
    settings = run_settings(folder)
    agents = settings.agents
    lengths = {"steps": steps or agents.steps, "evaluation_episodes": episodes or agents.evaluation_episodes}
    agents = agents.model_copy(update=lengths)
    torch.set_num_threads(agents.threads)
    simulator = load_simulator(folder)
    environments: dict[RewardModel, EnvironmentSettings] = {
        mode: settings.environment.model_copy(update=_RULES[mode]) for mode in REWARDS
    }
    policies = _policies(simulator, settings, agents, environments, _known(algorithms))
    logged = logged_reactions(simulator, settings.environment, load_interactions(folder, ("test",)))
    k = max(1, len(catalogue(simulator, settings.environment.catalogue_size)) // TOP_SHARE)
    rows: list[CheckedPolicy] = []
    for name, (trained_on, policy) in policies.items():
        value = off_policy_value([policy], simulator, settings.environment, logged, k=k, seed=agents.evaluation_seed)
        rows.append(
            CheckedPolicy(
                name=name,
                trained_on=trained_on,
                simulated={
                    mode: _average_reward(policy, simulator, environment, agents)
                    for mode, environment in environments.items()
                },
                snips=value.snips,
                dr=value.dr,
                effective_reactions=value.effective,
            )
        )
        step_logger().info("%s: SNIPS %.3f, DR %.3f", name, value.snips.mean, value.dr.mean)
    check = CrossCheck(
        dataset=folder.root.name,
        steps=agents.steps,
        episodes=agents.evaluation_episodes,
        recommended_among=k,
        logged_reactions=len(logged),
        logged_like_rate=float(logged.rewards.mean()),
        policies=tuple(rows),
        rank_correlations=_rank_correlations(rows),
    )
    publish_json(folder.path(REPORT), check.model_dump(mode="json"))
    return check


def _policies(
    simulator: UserSimulator,
    settings: ReinforceSettings,
    agents: AgentSettings,
    environments: Mapping[RewardModel, EnvironmentSettings],
    algorithms: Sequence[AlgorithmName],
) -> dict[str, tuple[RewardModel | None, Policy]]:
    """Name to the reward that a policy was trained on (None for a baseline) and the policy."""
    policies: dict[str, tuple[RewardModel | None, Policy]] = {
        name: (None, baseline_policy(name, simulator, settings.environment, agents))
        for name in agents.baselines
        if name != "lin_ucb"
    }
    for algorithm in algorithms:
        for mode, environment in environments.items():
            agent = train_agent(simulator, environment, agents, algorithm, agents.seeds[0])
            policies[f"{algorithm} on {mode}"] = (mode, agent.policy)
            step_logger().info("%s trained on %s in %.0f s", algorithm, mode, agent.seconds)
    return policies


def _average_reward(
    policy: Policy, simulator: UserSimulator, environment: EnvironmentSettings, agents: AgentSettings
) -> Estimate:
    evaluation = evaluate_policy(policy, simulator, environment, agents.evaluation_episodes, agents.evaluation_seed)
    return over_seeds([evaluation], agents.evaluation_seed)["average_reward"]


def cross_check_rows(check: CrossCheck) -> list[list[str]]:
    """The check as a table of text, header first; the last row says how alike a column orders the policies to DR."""
    rows = [["policy", *(f"reward: {mode}" for mode in REWARDS), "SNIPS", "DR", "effective reactions"]]
    for policy in check.policies:
        simulated = [f"{policy.simulated[mode].mean:.2f}" for mode in REWARDS]
        rows.append(
            [policy.name, *simulated, _text(policy.snips), _text(policy.dr), f"{policy.effective_reactions:.0f}"]
        )
    of_dr = check.rank_correlations["dr"]
    return [*rows, ["rank correlation with DR", *(f"{of_dr[name]:.2f}" for name in (*REWARDS, "snips", "dr")), ""]]


def _text(estimate: Estimate) -> str:
    low, high = estimate.ci95
    return f"{estimate.mean:.3f} [{low:.3f}, {high:.3f}]"


def _rank_correlations(rows: Sequence[CheckedPolicy]) -> dict[str, dict[str, float]]:
    """Spearman's rank correlation over policies of every two columns: whether they put policies in one order."""
    columns = {mode: [row.simulated[mode].mean for row in rows] for mode in REWARDS}
    columns |= {"snips": [row.snips.mean for row in rows], "dr": [row.dr.mean for row in rows]}
    ranks = {name: rankdata(values) for name, values in columns.items()}
    return {
        first: {second: float(np.corrcoef(ranks[first], ranks[second])[0, 1]) for second in ranks} for first in ranks
    }


def _known(algorithms: Sequence[str]) -> list[AlgorithmName]:
    unknown = [name for name in algorithms if name not in get_args(AlgorithmName)]
    if unknown:
        raise SettingsError(f"no algorithm {unknown[0]!r}. Known are {', '.join(get_args(AlgorithmName))}.")
    return TypeAdapter[list[AlgorithmName]](list[AlgorithmName]).validate_python(list(algorithms))
