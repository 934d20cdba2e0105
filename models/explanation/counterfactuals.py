"""What would turn a response: small sets of past reactions without which it would be the other one.

A counterfactual explanation (Wachter et al., arXiv 1711.00399), of the calibrated probability or of the vote of the
three models. A vote counts as turned only where two models say so however coins fall.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Margins, Pairs, margins, margins_without_each
from models.simulation.simulator import UserSimulator

Target = Literal["probability", "vote"]
"""The response that is to be turned."""

_MEAN_WEIGHT = np.float32(0.01)  # weight of the mean margin, which tells votes apart whose median does not move


def signed(margins: Margins, target: Target) -> NDArray[np.float32]:
    """By how much the target is a like, of any shape: above 0 like, below 0 no like, 0 undecided."""
    if target == "vote":
        return margins.vote
    margin = margins.probability - np.float32(0.5)
    return np.where(margin == 0, np.float32(1e-9), margin)  # a like begins at 0.5


def counterfactuals(
    simulator: UserSimulator,
    pairs: Pairs,
    likes: NDArray[np.bool_],
    without_one: Margins,
    *,
    target: Target,
    most: int,
) -> list[tuple[int, ...] | None]:
    """Past reactions without which the response would be the other one.

    Every single reaction is tried. Larger sets grow greedily, by the reaction whose loss moves the response most, and
    then lose members until none of them can be spared: sets of one and of two are the smallest there are, larger ones
    need not be.

    Parameters
    ----------
    simulator
        The audience.
    pairs
        b pairs, `remembered`.
    likes
        bool array of shape (b,): the responses that are to be turned.
    without_one
        Their `margins_without_each`.
    target
        Whether the probability or the vote is to be turned.
    most
        Largest set that is tried.

    Returns
    -------
    For each pair, positions in its history, ascending; None where no set turns it.
    """
    towards = np.where(likes, -1, 1).astype(np.float32)  # the sign of a margin for the other response
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    flipped = np.zeros(len(pairs), dtype=bool)
    for size in range(most):
        open_ = np.flatnonzero(~flipped & (pairs.histories.mask & ~left_out).any(axis=1))
        if not len(open_):
            break
        after = without_one if size == 0 else margins_without_each(simulator, pairs.rows(open_), left_out[open_])
        if size == 0:
            after = Margins(*(column[open_] for column in after))
        present = (pairs.histories.mask & ~left_out)[open_]
        score = signed(after, target) + (_MEAN_WEIGHT * after.mean_vote if target == "vote" else np.float32(0))
        turned = present & (signed(after, target) * towards[open_, None] > 0)
        order = np.where(present, score * towards[open_, None], -np.inf) + np.where(turned, 10, 0)
        strongest = order.argmax(axis=1)
        left_out[open_, strongest] = True
        flipped[open_] = turned[np.arange(len(open_)), strongest]
    return [
        _needed(simulator, pairs, row, left_out[row], bool(likes[row]), target=target) if flipped[row] else None
        for row in range(len(pairs))
    ]


def _needed(
    simulator: UserSimulator, pairs: Pairs, row: int, left_out: NDArray[np.bool_], like: bool, *, target: Target
) -> tuple[int, ...]:
    """A turning set, without the members that it turns without, removed one after the other until each is needed."""
    members = np.flatnonzero(left_out)
    while len(members) > 1:
        fewer = members[np.argwhere(~np.eye(len(members), dtype=bool))[:, 1].reshape(len(members), -1)]  # one less each
        masks = np.zeros((len(members), len(left_out)), dtype=bool)
        np.put_along_axis(masks, fewer, values=True, axis=1)
        margin = signed(margins(simulator, pairs.without(np.full(len(members), row), masks)), target)
        flips = margin < 0 if like else margin > 0
        if not flips.any():
            break
        members = fewer[flips.argmax()]
    return tuple(members.tolist())
