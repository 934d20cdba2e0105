"""What a policy recommends to named users now: its best items that they have not reacted to yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.interactions import NO_ITEM
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

_USERS_AT_ONCE = 128


@dataclass(frozen=True)
class Recommendations:
    """The best items of b users, best first.

    Parameters
    ----------
    items
        int64 array of shape (b, k): items, `NO_ITEM` where a user has reacted to all others.
    probabilities
        float32 array of shape (b, k): the calibrated P(like) of each, 0 for `NO_ITEM`.
    """

    items: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def recommend(
    policy: Policy, simulator: UserSimulator, environment: EnvironmentSettings, users: NDArray[np.int64], k: int
) -> Recommendations:
    """The k best items for each user, given the user's training interactions.

    Parameters
    ----------
    policy
        Who recommends.
    simulator
        The audience that it was trained on; it also says how likely each item is liked.
    environment
        Rules of the sessions that the policy is for.
    users
        int64 array of shape (b,): row numbers.
    k
        Items a user; fewer where the catalogue is smaller.

    Raises
    ------
    ValueError
        Where there is no such user, or k is not positive.
    """
    if k < 1 or np.any((users < 0) | (users >= simulator.n_users)):
        raise ValueError(f"expected k from 1 and users from 0 to {simulator.n_users - 1}; found k {k}, users {users}")
    parts = [
        _recommend(policy, simulator, environment, users[start : start + _USERS_AT_ONCE], k)
        for start in range(0, len(users), _USERS_AT_ONCE)
    ]
    return Recommendations(
        np.concatenate([part.items for part in parts]), np.concatenate([part.probabilities for part in parts])
    )


def _recommend(
    policy: Policy, simulator: UserSimulator, environment: EnvironmentSettings, users: NDArray[np.int64], k: int
) -> Recommendations:
    sessions = SessionBatch(simulator, environment, range(len(users)))
    sessions.begin(np.arange(len(users)), users)
    actions = policy.top_k(sessions, k)
    items, width = sessions.catalogue[actions], actions.shape[1]
    rows = np.repeat(np.arange(len(users)), width)
    coins = np.random.default_rng(0)  # votes are thrown and not looked at
    responses = simulator.respond(users[rows], items.ravel(), sessions.histories[rows], coins)
    known = np.take_along_axis(sessions.closed, actions, axis=1)
    return Recommendations(
        np.where(known, NO_ITEM, items), np.where(known, 0, responses.probability.reshape(-1, width))
    )
