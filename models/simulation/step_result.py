"""Result of one step of running sessions, and which item of a slate a user takes, if any.

The choice from a slate is a conditional logit with an outside option:

    P(take i) = exp(u_i) / (exp(u_0) + sum over the slate of exp(u_j)),   u_i = logit of the calibrated P(like i)

Sources: McFadden 1974; the choice models of RecSim (Ie et al., arXiv 1909.04847) and SlateQ (arXiv 1905.12767), in
which the user takes one item of a slate at most and reacts to that one only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM
from models.simulation.simulator import Responses

_CLIP = 1e-6


@dataclass(frozen=True)
class Slates:
    """What b users were shown at once, and what they took.

    Parameters
    ----------
    items
        int64 array of shape (b, k); `NO_ITEM` where an item was named twice.
    votes
        int8 array of shape (b, k, 3).
    probabilities
        float32 array of shape (b, k): the calibrated P(like).
    choices
        int64 array of shape (b,): place in the slate; k for nothing.
    """

    items: NDArray[np.int64]
    votes: NDArray[np.int8]
    probabilities: NDArray[np.float32]
    choices: NDArray[np.int64]


@dataclass(frozen=True)
class StepResult:
    """Result of one step of b sessions.

    Parameters
    ----------
    items, actions
        int64 arrays of shape (b,): what was recommended, and its place in the catalogue; of a slate what was taken,
        `NO_ITEM` for nothing.
    shown
        int64 array of shape (b, k): places in the catalogue of what was recommended; k is 1 but for slates.
    responses
        The users' reactions.
    repeated
        bool array of shape (b,): the user had seen the item, so it earned nothing and did not join the history.
    invalid
        bool array of shape (b,): the action named what would earn nothing (of a slate, every place did) though
        something was open; where seen items are masked, an open item stood in for it, which `items` names.
    rewards
        float32 array of shape (b,).
    novelties, diversities
        float32 arrays of shape (b,): terms of the rewards before they are weighed; 0 where their weight is 0.
    terminated, truncated
        bool arrays of shape (b,): ended by chance, cut off at `max_steps`.
    slates
        What the choice was from, where slates are shown.
    """

    items: NDArray[np.int64]
    actions: NDArray[np.int64]
    shown: NDArray[np.int64]
    responses: Responses
    repeated: NDArray[np.bool_]
    invalid: NDArray[np.bool_]
    rewards: NDArray[np.float32]
    novelties: NDArray[np.float32]
    diversities: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    slates: Slates | None = None

    @property
    def done(self) -> NDArray[np.bool_]:
        """bool array of shape (b,): ended in either way."""
        return self.terminated | self.truncated


def first_mentions(slates: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which places of slates (b, k) hold an item that no place before holds: bool (b, k)."""
    earlier = np.tril(np.ones((slates.shape[1],) * 2, dtype=bool), k=-1)
    return ~((slates[:, :, None] == slates[:, None, :]) & earlier).any(axis=2)


def choice_chances(
    probabilities: NDArray[np.float32], shown: NDArray[np.bool_], no_choice_utility: float
) -> NDArray[np.float64]:
    """Chances of taking each place, and nothing: float64 array of shape (b, k + 1).

    Parameters
    ----------
    probabilities
        float32 array of shape (b, k): P(like).
    shown
        bool array of shape (b, k).
    no_choice_utility
        u_0: the logit of the P(like) that taking nothing is as good as.
    """
    p = np.clip(probabilities.astype(np.float64), _CLIP, 1 - _CLIP)
    odds = np.where(shown, p / (1 - p), 0)
    weights = np.concatenate([odds, np.full((len(p), 1), np.exp(no_choice_utility))], axis=1)
    return weights / weights.sum(axis=1, keepdims=True)


def choose(chances: NDArray[np.float64], coins: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place that uniform numbers (b,) pick by `choice_chances` (b, k + 1): int64 (b,); k for nothing."""
    below = chances.cumsum(axis=1)[:, :-1] <= coins[:, None]
    return below.sum(axis=1)


def choose_from(
    items: NDArray[np.int64], responses: Responses, coins: NDArray[np.float64], no_choice_utility: float
) -> Slates:
    """Let b users choose from what they are shown.

    Parameters
    ----------
    items
        int64 array of shape (b, k).
    responses
        Reactions of b k rows, slate after slate.
    coins
        float64 array of shape (b,) in [0, 1): decide the choices.
    no_choice_utility
        See `choice_chances`.
    """
    b, k = items.shape
    probabilities, shown = responses.probability.reshape(b, k), first_mentions(items)
    choices = choose(choice_chances(probabilities, shown, no_choice_utility), coins)
    return Slates(np.where(shown, items, NO_ITEM), responses.votes.reshape(b, k, 3), probabilities, choices)
