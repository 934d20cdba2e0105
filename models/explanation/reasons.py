"""Reasons that are named together, and what P(like) is without them.

A reason that moves P(like) when it alone is left out need not do so beside others: what two past reactions say of a
candidate may overlap, or one may matter only where the other is there. So reasons are tried together, and the weakest
are dropped until what is left moves P(like) away from the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Pairs, answers
from models.explanation.keyword_removal import KeywordRecord, Lacking, OwnKeyword, answers_lacking
from models.simulation.simulator import UserSimulator

_MOST = 3
_LEAST_EFFECT = 1e-4  # of a keyword that is named: less cannot be told from rounding


class Effects(NamedTuple):
    """What single past reactions and keywords of the candidate do for one answer: P(like) less that without each.

    Parameters
    ----------
    reactions
        float32 array of shape (l,).
    keywords
        Of each keyword of the candidate; empty where nothing is known of keywords.
    """

    reactions: NDArray[np.float32]
    keywords: Mapping[OwnKeyword, float]


class Named(NamedTuple):
    """The reasons of one answer, each strongest first: positions in the history, and keywords of the candidate."""

    reactions: tuple[int, ...]
    keywords: tuple[OwnKeyword, ...]


def strongest(effects: Effects, *, like: bool) -> Named:
    """At most three past reactions and three keywords that speak most for the answer; each alone moves it its way."""
    sign = 1 if like else -1
    towards = sign * effects.reactions
    speaking = [(sign * effect, keyword) for keyword, effect in effects.keywords.items()]
    speaking = sorted((pair for pair in speaking if pair[0] > _LEAST_EFFECT), key=lambda pair: -pair[0])
    return Named(
        tuple(int(position) for position in np.argsort(-towards, kind="stable")[:_MOST] if towards[position] > 0),
        tuple(keyword for _, keyword in speaking[:_MOST]),
    )


def reasons(
    simulator: UserSimulator,
    record: KeywordRecord | None,
    pairs: Pairs,
    probability: NDArray[np.float32],
    effects: Sequence[Effects],
) -> list[Named]:
    """The strongest reasons of each pair that, left out together, move P(like) away from the answer.

    Parameters
    ----------
    simulator, record, pairs
        As in `without_reasons`.
    probability
        float32 array of shape (b,): the P(like) that is to be explained.
    effects
        Of each pair.

    Returns
    -------
    Reasons of each pair; none where even the strongest does not hold.
    """
    likes = probability >= 0.5
    named = [strongest(of_pair, like=like) for of_pair, like in zip(effects, likes.tolist(), strict=True)]
    open_ = np.flatnonzero([any(of_pair) for of_pair in named])
    while len(open_) > 0:
        after = without_reasons(simulator, record, pairs.rows(open_), [named[row] for row in open_])
        open_ = open_[~moves_as_said(probability[open_], after, likes[open_])]
        for row in open_:
            named[row] = _less_the_weakest(named[row], effects[row])
        open_ = open_[[any(named[row]) for row in open_]]
    return named


def without_reasons(
    simulator: UserSimulator, record: KeywordRecord | None, pairs: Pairs, named: Sequence[Named]
) -> NDArray[np.float32]:
    """P(like) of b pairs once all reasons that are named of each are left out together.

    Parameters
    ----------
    simulator
        Who is asked.
    record
        What stands behind keywords; None where none are named.
    pairs
        b pairs, `remembered`.
    named
        Of as many.

    Returns
    -------
    float32 array of shape (b,).
    """
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    for row, (reactions, _) in enumerate(named):
        left_out[row, list(reactions)] = True
    fewer = pairs.without(np.arange(len(pairs)), left_out)
    after = answers(simulator, fewer).probability
    lacking = [Lacking(row, keywords) for row, (_, keywords) in enumerate(named) if keywords]
    if record is not None and lacking:
        opinions = simulator.models.opinions(fewer.users, fewer.items, fewer.histories)
        after[[row for row, _ in lacking]] = answers_lacking(simulator, record, fewer, opinions, lacking).probability
    return after


def moves_as_said(
    before: NDArray[np.float32], after: NDArray[np.float32], likes: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether P(like) moved away from the answer.

    Parameters
    ----------
    before, after
        float32 arrays of shape (b,): P(like) with the reasons and without.
    likes
        bool array of shape (b,): whether the reasons are said to speak for a like.
    """
    return np.where(likes, after < before, after > before)


def _less_the_weakest(named: Named, effects: Effects) -> Named:
    reactions, keywords = named
    of_reaction = abs(effects.reactions[reactions[-1]]) if reactions else np.inf
    of_keyword = abs(effects.keywords[keywords[-1]]) if keywords else np.inf
    return Named(reactions[:-1], keywords) if of_reaction <= of_keyword else Named(reactions, keywords[:-1])
