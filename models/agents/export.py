"""A trained policy as one network from a history to scores, with SASRec inside: what is exported.

It takes what a serving system has, and needs no recaudience: reactions, what they were, what may not be recommended.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.agents.policies import LearnedPolicy
from models.environments.gym import observation_bounds
from models.interactions import Histories
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.user_vectors import Tastes

_PSEUDO_REACTIONS = 1.0  # as in models/simulation/user_vectors.py


class PolicyNetwork(nn.Module):
    """Scores of all actions from histories.

    Parameters
    ----------
    policy
        What was learned.
    simulator
        The audience that it was learned on, for SASRec and the items' descriptions.
    environment
        Rules of the sessions that the policy is for.

    Attributes
    ----------
    width
        Length l of a history; the last l reactions count.
    n_actions
        Number of items that it can recommend.
    """

    def __init__(self, policy: LearnedPolicy, simulator: UserSimulator, environment: EnvironmentSettings) -> None:
        super().__init__()
        self.width = min(simulator.max_history, environment.max_steps + _longest(simulator))
        self.attended = min(self.width, simulator.sasrec.settings.max_history)
        self.sasrec, self.scorer = simulator.sasrec, policy.scorer
        self.n_actions = len(policy.scorer.biases)
        tastes = Tastes(simulator.knowledge, policy.axes)
        self.register_buffer("described", torch.from_numpy(np.pad(tastes.items, ((1, 0), (0, 0)))))
        self.register_buffer("block", torch.arange(3).repeat_interleave(torch.tensor(tastes.sizes)))
        bound = float(observation_bounds(Sessions(simulator, environment, [0]))[1][0])
        self.bound = bound
        # How far a rating lies above its item's usual one is linear in the rating; without one it is the item's alone.
        surprises = _surprises(simulator)
        self.register_buffer("surprise", torch.from_numpy(np.pad(surprises, ((1, 0), (0, 0)))))

    described: Tensor
    block: Tensor
    surprise: Tensor

    def forward(self, items: Tensor, likes: Tensor, ratings: Tensor, session: Tensor, seen: Tensor) -> Tensor:
        """Score every action; the highest is what to recommend.

        Parameters
        ----------
        items
            int64 (b, l): rows of the item table, oldest first, -1 for padding on the right.
        likes
            bool (b, l): reactions; False on padding.
        ratings
            float32 (b, l): ratings, NaN where only the reaction is known and on padding.
        session
            float32 (b, 3): mean reward of the running session, its last reward, its share of `max_steps`; 0 at the
            start.
        seen
            bool (b, n): what is not to be recommended.

        Returns
        -------
        float32 (b, n); -inf for what is seen.
        """
        tokens = items + 1
        mask = tokens > 0
        zero, slope, liked, disliked = self.surprise[tokens].unbind(-1)
        rated = zero + slope * torch.nan_to_num(ratings)
        surprises = torch.where(torch.isnan(ratings), torch.where(likes, liked, disliked), rated) * mask
        lengths = mask.sum(dim=1)
        begin = (lengths - self.attended).clamp(min=0)
        latest = begin[:, None] + torch.arange(self.attended, device=items.device)  # what SASRec attends to
        h = self.sasrec(tokens.gather(1, latest), likes.gather(1, latest), surprises.gather(1, latest))
        last = (lengths - begin)[:, None, None].expand(-1, 1, h.shape[2])
        state = h.gather(1, last)[:, 0].clamp(-self.bound, self.bound)
        share = likes.sum(dim=1) / lengths.clamp(min=1)
        statistics = torch.stack([share, lengths / self.width], dim=1)
        weights = torch.stack([likes.float(), -(mask & ~likes).float(), (likes.float() - share[:, None]) * mask], dim=1)
        weights = weights / (lengths + _PSEUDO_REACTIONS)[:, None, None]  # (b, 3, l)
        by_block = weights @ self.described[tokens]  # (b, 3, t): each block is taken from its own row
        rows = self.block[None, None].expand(items.shape[0], 1, -1)
        taste = by_block.gather(1, rows)[:, 0]
        scores = self.scorer.scores(torch.cat([state, session, statistics, taste], dim=1))
        return scores.masked_fill(seen, float("-inf"))


def _longest(simulator: UserSimulator) -> int:
    return int(np.diff(simulator.interactions.offsets).max(initial=0))


def _surprises(simulator: UserSimulator) -> np.ndarray:
    """By item (n_items, 4): surprise at rating 0, its slope, surprise at a like and at a dislike without rating."""
    n = simulator.n_items
    every, yes = np.arange(n)[:, None], np.ones((n, 1), dtype=bool)
    surprises = simulator.sasrec.statistics.surprises
    zero, one = (surprises(Histories(every, yes, np.full((n, 1), rating, dtype=np.float32))) for rating in (0, 1))
    return np.concatenate(
        [zero, one - zero, surprises(Histories(every, yes)), surprises(Histories(every, ~yes))], axis=1
    )


def example_inputs(network: PolicyNetwork, users: int = 2) -> tuple[Tensor, ...]:
    """Inputs of the right shapes and types, for `torch.export`."""
    width, n = network.width, network.n_actions
    return (
        torch.zeros((users, width), dtype=torch.int64),
        torch.ones((users, width), dtype=torch.bool),
        torch.full((users, width), float("nan")),
        torch.zeros((users, 3)),
        torch.zeros((users, n), dtype=torch.bool),
    )
