"""What a policy would have earned from real users, estimated from logged ratings that nothing was trained on.

Sources: SNIPS, the self-normalised inverse propensity score (Swaminathan and Joachims, NeurIPS 2015), and the doubly
robust estimator (Dudík, Langford and Li, ICML 2011), here with self-normalised weights. With a logged reaction r to the
item a, weights w = pi(a | x) / mu(a | x) and a reward model q,

    SNIPS = sum w r / sum w,     DR = mean over x of sum_a pi(a | x) q(x, a)  +  sum w (r - q(x, a)) / sum w

Nobody knows how real users came to the items that they rated. mu is taken to be popularity: an item's share of training
interactions among those that the user has not reacted to. q is the user+item bias model, which knows nothing of the
simulator. pi recommends any of the policy's k best items with equal chances, and now and then (`_EXPLORATION`) any
other: a policy that always takes its one best item hardly ever meets a logged one. People choose what they rate, so
these are estimates of likes among what people would try, no more; the effective number of reactions says how many of
the logged ones speak of the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.agents.policies import Policy
from models.interactions import Interactions
from models.metrics.intervals import Estimate
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

_EXPLORATION = 0.1
_RESAMPLES = 500
_SESSIONS_AT_ONCE = 128


@dataclass(frozen=True)
class LoggedReactions:
    """n held-out reactions, seen from the sessions that their users would begin.

    Parameters
    ----------
    users, actions
        int64 arrays of shape (n,): who, and the place of the item in the catalogue.
    rewards
        float64 array of shape (n,): 1 for a like.
    propensities
        float64 array of shape (n,): mu(a | x).
    """

    users: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class OffPolicyValue:
    """A policy's estimated share of likes.

    Parameters
    ----------
    snips, dr
        With 95 % intervals of a bootstrap over users.
    effective
        Kish's effective number of reactions, (sum w)^2 / sum w^2.
    resampled
        float64 array of shape (draws,): DR of each bootstrap sample of users, the same samples for every policy; NaN
        where a sample has no reaction that the policy would ever recommend.
    """

    snips: Estimate
    dr: Estimate
    effective: float
    resampled: NDArray[np.float64]


def logged_reactions(
    simulator: UserSimulator, environment: EnvironmentSettings, held_out: Interactions
) -> LoggedReactions:
    """Held-out reactions to items that may be recommended.

    Parameters
    ----------
    simulator
        Whose training interactions say how popular items are.
    environment
        Says which items may be recommended.
    held_out
        Interactions that nothing was trained on.

    Raises
    ------
    ValueError
        Where none is left.
    """
    sessions = Sessions(simulator, environment, [0])
    place = np.full(simulator.n_items, -1)
    place[sessions.catalogue] = np.arange(sessions.n_actions)
    counts = np.bincount(simulator.interactions.items, minlength=simulator.n_items)[sessions.catalogue] + 1.0
    kept = np.flatnonzero(place[held_out.items] >= 0)
    if not len(kept):
        raise ValueError("no held-out reaction is to an item that may be recommended; widen catalogue_size")
    users, actions = held_out.users[kept], place[held_out.items[kept]]
    propensities = np.empty(len(kept))
    for visitors, rows, of_visitor in _by_users(users):
        sessions = Sessions.for_users(simulator, environment, visitors)
        free = np.where(sessions.seen, 0, counts)[of_visitor]
        free[np.arange(len(rows)), actions[rows]] = counts[actions[rows]]  # it was open to the user, or not logged
        propensities[rows] = counts[actions[rows]] / free.sum(axis=1)
    return LoggedReactions(users, actions, held_out.likes[kept].astype(np.float64), propensities)


def off_policy_value(
    policies: Sequence[Policy],
    simulator: UserSimulator,
    environment: EnvironmentSettings,
    logged: LoggedReactions,
    *,
    k: int,
    seed: int,
) -> OffPolicyValue:
    """Both estimates for a policy, or for several of which one recommends, each with equal chances.

    Parameters
    ----------
    policies
        Whose k best items are recommended: one, or those of an agent's training seeds.
    simulator, environment
        As the policies were trained with.
    logged
        Held-out reactions.
    k
        Items that are recommended with equal chances.
    seed
        Of the bootstrap: the same for policies that are to be compared.
    """
    weights, direct, expected = (np.empty(len(logged)) for _ in range(3))
    bias = simulator.models.bias
    for visitors, rows, of_visitor in _by_users(logged.users):
        sessions = Sessions.for_users(simulator, environment, visitors)
        chances = np.mean([target_chances(policy, sessions, k) for policy in policies], axis=0)
        base = bias.global_effect + bias.user_effects[visitors]
        q = expit(base[:, None] + bias.item_effects[sessions.catalogue])
        places = of_visitor, logged.actions[rows]
        weights[rows] = chances[places] / logged.propensities[rows]
        direct[rows], expected[rows] = (chances * q).sum(axis=1)[of_visitor], q[places]
    errors = logged.rewards - expected
    groups = np.unique(logged.users, return_inverse=True)[1]
    n_users, rng = int(groups.max()) + 1, np.random.default_rng(seed)
    draws = [np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)[groups] for _ in range(_RESAMPLES)]
    ones = np.ones(len(logged))

    def snips(counts: NDArray[np.number]) -> float:
        total = counts @ weights
        return float((counts * weights) @ logged.rewards / total) if total > 0 else np.nan

    def dr(counts: NDArray[np.number]) -> float:
        total = counts @ weights  # 0 where few users were drawn who all miss the policy
        return float(counts @ direct / counts.sum() + (counts * weights) @ errors / total) if total > 0 else np.nan

    resampled = np.array([dr(counts) for counts in draws])
    return OffPolicyValue(
        resampled_estimate(snips(ones), np.array([snips(counts) for counts in draws])),
        resampled_estimate(dr(ones), resampled),
        float(weights.sum() ** 2 / (weights**2).sum()),
        resampled,
    )


def target_chances(policy: Policy, sessions: Sessions, k: int) -> NDArray[np.float64]:
    """pi(a | x) of every action: float64 (b, n), rows adding up to 1; 0 for what the user has reacted to."""
    free = ~sessions.seen
    chances = _EXPLORATION * free / np.maximum(free.sum(axis=1, keepdims=True), 1)
    top = policy.top_k(sessions, k)
    chosen = np.take_along_axis(free, top, axis=1)
    added = (1 - _EXPLORATION) * chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
    np.put_along_axis(chances, top, np.take_along_axis(chances, top, axis=1) + added, axis=1)
    return chances


def resampled_estimate(value: float, resampled: NDArray[np.float64]) -> Estimate:
    """A value with the 95 % interval of its bootstrap samples, float64 (draws,)."""
    low, high = np.nanquantile(resampled, (0.025, 0.975)).tolist()
    return Estimate(mean=value, ci95=(low, high))


def _by_users(users: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Some users (v,) at a time, the rows (m,) of `users` that are theirs, and whose each row is, a place in v."""
    visitors, groups = np.unique(users, return_inverse=True)
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(len(visitors) + 1))
    for start in range(0, len(visitors), _SESSIONS_AT_ONCE):
        stop = min(start + _SESSIONS_AT_ONCE, len(visitors))
        rows = order[ends[start] : ends[stop]]
        yield visitors[start:stop], rows, groups[rows] - start
