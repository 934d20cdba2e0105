"""Reasons that are named together, and what P(like) is without them.

A reason that moves P(like) when it alone is left out need not do so beside others: two past reactions may say the same
of a candidate, or one may matter only where the other is there. So reasons are tried together, and the weakest are
dropped until the rest moves P(like) away from the response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Pairs, margins
from models.explanation.keyword_removal import Lacking, OwnKeyword, margins_without_keywords
from models.simulation.simulator import UserSimulator

_MOST = 3
_LEAST_EFFECT = 1e-4  # of a keyword that is named: less cannot be told from rounding


class Effects(NamedTuple):
    """Effects of single past reactions and keywords of the candidate on one response: P(like) less that without each.

    Parameters
    ----------
    reactions
        float32 array of shape (l,).
    keywords
        Of each keyword of the candidate.
    """

    reactions: NDArray[np.float32]
    keywords: Mapping[OwnKeyword, float]


class Reasons(NamedTuple):
    """The reasons of one response, each strongest first: positions in the history, and keywords of the candidate."""

    reactions: tuple[int, ...]
    keywords: tuple[OwnKeyword, ...]


def strongest(effects: Effects, *, like: bool) -> Reasons:
    """At most three past reactions and three keywords that speak most for the response, each by itself."""
    sign = 1 if like else -1
    towards = sign * effects.reactions
    speaking = [(sign * effect, keyword) for keyword, effect in effects.keywords.items()]
    speaking = sorted((pair for pair in speaking if pair[0] > _LEAST_EFFECT), key=lambda pair: -pair[0])
    return Reasons(
        tuple(int(position) for position in np.argsort(-towards, kind="stable")[:_MOST] if towards[position] > 0),
        tuple(keyword for _, keyword in speaking[:_MOST]),
    )


def reasons(
    simulator: UserSimulator, pairs: Pairs, probability: NDArray[np.float32], effects: Sequence[Effects]
) -> list[Reasons]:
    """The strongest reasons of each pair that, left out together, move P(like) away from the response.

    Parameters
    ----------
    simulator, pairs
        As in `probability_without`.
    probability
        float32 array of shape (b,): the P(like) to explain.
    effects
        Of each pair.

    Returns
    -------
    Reasons of each pair; none where even the strongest does not hold.
    """
    likes = probability >= 0.5
    named = [strongest(own, like=like) for own, like in zip(effects, likes.tolist(), strict=True)]
    open_ = np.flatnonzero([any(own) for own in named])
    while len(open_) > 0:
        after = probability_without(simulator, pairs.rows(open_), [named[row] for row in open_])
        open_ = open_[~moves_away(probability[open_], after, likes[open_])]
        for row in open_:
            named[row] = _less_the_weakest(named[row], effects[row])
        open_ = open_[[any(named[row]) for row in open_]]
    return named


def probability_without(simulator: UserSimulator, pairs: Pairs, named: Sequence[Reasons]) -> NDArray[np.float32]:
    """P(like) of b pairs where all named reasons of each are left out together.

    Parameters
    ----------
    simulator
        The audience.
    pairs
        b pairs, `remembered`.
    named
        Reasons of as many.

    Returns
    -------
    float32 array of shape (b,).
    """
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    for row, (reactions, _) in enumerate(named):
        left_out[row, list(reactions)] = True
    fewer = pairs.without(np.arange(len(pairs)), left_out)
    after = margins(simulator, fewer).probability
    lacking = [Lacking(row, keywords) for row, (_, keywords) in enumerate(named) if keywords]
    if lacking:
        opinions = simulator.models.opinions(fewer.users, fewer.items, fewer.histories)
        poorer = margins_without_keywords(simulator, fewer, opinions, lacking)
        after[[row for row, _ in lacking]] = poorer.probability
    return after


def moves_away(before: NDArray[np.float32], after: NDArray[np.float32], likes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether P(like) moved away from the response.

    Parameters
    ----------
    before, after
        float32 arrays of shape (b,): P(like) with the reasons and without.
    likes
        bool array of shape (b,): whether the reasons speak for a like.
    """
    return np.where(likes, after < before, after > before)


def _less_the_weakest(named: Reasons, effects: Effects) -> Reasons:
    reactions, keywords = named
    reaction_effect = abs(effects.reactions[reactions[-1]]) if reactions else np.inf
    keyword_effect = abs(effects.keywords[keywords[-1]]) if keywords else np.inf
    if reaction_effect <= keyword_effect:
        return Reasons(reactions[:-1], keywords)
    return Reasons(reactions, keywords[:-1])
