"""How good a policy is with an audience: the figures of the report's table, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stable_baselines3.common.base_class import BaseAlgorithm

from models import policy_evaluation
from models.agents import policies
from models.metrics.intervals import Estimate
from models.policy_evaluation.values import over_seeds
from models.simulation.settings import EnvironmentSettings
from tasks.audience.arguments import LARGEST_SEED, instance, shown, whole_number
from tasks.audience.audience import Audience
from tasks.audience.policies import AgentPolicy, OwnPolicy, Policy, RunPolicy

MOST_EPISODES = 10_000_000
COLUMNS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "average_reward": ("Average reward", "{:.2f}".format),
    "total_reward": ("Total reward", "{:,.0f}".format),
    "liking_at_10": ("Liking@10", "{:.3f}".format),
    "coverage": ("Coverage", "{:.3f}".format),
}


@dataclass(frozen=True)
class PolicyValues:
    """What a policy earns from an audience; printed, it is a table.

    Parameters
    ----------
    policy
        Its name.
    episodes
        Sessions that were played.
    estimates
        Mean and 95 % interval of each metric; `models.policy_evaluation.values` defines them.
    """

    policy: str
    episodes: int
    estimates: Mapping[str, Estimate]

    def __getitem__(self, metric: str) -> Estimate:
        """The estimate of a metric: its mean and its 95 % interval."""
        return self.estimates[metric]

    def __str__(self) -> str:
        header, row = ["Policy"], [self.policy]
        for metric, (title, text) in COLUMNS.items():
            estimate = self.estimates[metric]
            header.append(title)
            row.append(f"{text(estimate.mean)} [{', '.join(map(text, estimate.ci95))}]")
        widths = [max(map(len, column)) for column in zip(header, row, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in (header, row))


def evaluate_policy(
    policy: Policy | BaseAlgorithm | RunPolicy,
    users: Audience,
    *,
    episodes: int = 300,
    seed: int = 1,
    settings: EnvironmentSettings | None = None,
) -> PolicyValues:
    """Let a policy recommend in whole sessions.

    Parameters
    ----------
    policy
        An agent of Stable-Baselines3, what `load_policy` gives, or any object with
        `recommend(users, histories, k) -> items`; see `Policy`.
    users
        The audience.
    episodes
        Number of sessions.
    seed
        Of users, coins and session ends: the same for policies that are to be compared.
    settings
        Rules of a session; for a policy of a run those that it was trained with, else those of the audience's run.

    Raises
    ------
    TypeError, ValueError
        Where an argument, or an answer of the policy, cannot be used.
    """
    audience = instance("users", users, Audience, "an Audience, as recaudience.load gives it")
    n = whole_number("episodes", episodes, 2, MOST_EPISODES)
    first = whole_number("seed", seed, 0, LARGEST_SEED)
    own = policy.policy.environment if settings is None and isinstance(policy, RunPolicy) else settings
    rules, (name, player) = audience.settings_or_own(own), _player(policy, audience)
    played = policy_evaluation.evaluate_policy(player, audience.simulator, rules, n, first)
    return PolicyValues(name, n, over_seeds([played], first))


def _player(policy: object, audience: Audience) -> tuple[str, policies.Policy]:
    if isinstance(policy, RunPolicy):
        return policy.policy.name, policy.policy.policy
    if isinstance(policy, BaseAlgorithm):
        return type(policy).__name__, AgentPolicy(policy, audience)
    if isinstance(policy, Policy) and not isinstance(policy, type):
        return type(policy).__name__, OwnPolicy(policy, audience)
    raise TypeError(
        f"policy: found {shown(policy)}, expected an agent of Stable-Baselines3, what load_policy gives, or "
        "an object with recommend(users, histories, k) -> items"
    )
