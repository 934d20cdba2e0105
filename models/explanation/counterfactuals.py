"""What would turn an answer: small sets of past reactions without which it would be the other one.

A counterfactual explanation (Wachter et al., arXiv 1711.00399), of the calibrated probability or of the vote of the
three models. A vote counts as turned only where two models say so whatever coins say.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Answers, Pairs, answers, removals
from models.simulation.simulator import UserSimulator

Answer = Literal["probability", "vote"]

_LEANING = np.float32(0.01)  # weight of the mean margin, which tells votes apart whose median does not move


def margins(given: Answers, answer: Answer) -> NDArray[np.float32]:
    """By how much the answer is a like, of any shape: above 0 like, below 0 no like, 0 undecided."""
    if answer == "vote":
        return given.by_vote
    margin = given.probability - np.float32(0.5)
    return np.where(margin == 0, np.float32(1e-9), margin)  # a like begins at 0.5


def counterfactuals(
    simulator: UserSimulator,
    pairs: Pairs,
    likes: NDArray[np.bool_],
    without_one: Answers,
    *,
    answer: Answer,
    most: int,
) -> list[tuple[int, ...] | None]:
    """Past reactions without which the answer would be the other one.

    Every single reaction is tried. Larger sets are found greedily, the reaction whose loss moves the answer most
    first, and then freed of members until none of them can be spared: sets of one and of two are the smallest there
    are, larger ones need not be.

    Parameters
    ----------
    simulator
        Who is asked.
    pairs
        b pairs, `remembered`.
    likes
        bool array of shape (b,): the answer that is to be turned.
    without_one
        Their `removals`.
    answer
        Which answer is meant.
    most
        Largest set that is looked for.

    Returns
    -------
    For each pair, positions in its history, ascending; None where no set was found.
    """
    towards = np.where(likes, -1, 1).astype(np.float32)  # the sign of a margin that is the other answer
    left_out = np.zeros(pairs.histories.items.shape, dtype=bool)
    flipped = np.zeros(len(pairs), dtype=bool)
    for size in range(most):
        open_ = np.flatnonzero(~flipped & (pairs.histories.mask & ~left_out).any(axis=1))
        if not len(open_):
            break
        after = without_one if size == 0 else removals(simulator, pairs.rows(open_), left_out[open_])
        if size == 0:
            after = Answers(*(column[open_] for column in after))
        present = (pairs.histories.mask & ~left_out)[open_]
        score = margins(after, answer) + (_LEANING * after.leaning if answer == "vote" else np.float32(0))
        turned = present & (margins(after, answer) * towards[open_, None] > 0)
        order = np.where(present, score * towards[open_, None], -np.inf) + np.where(turned, 10, 0)
        strongest = order.argmax(axis=1)
        left_out[open_, strongest] = True
        flipped[open_] = turned[np.arange(len(open_)), strongest]
    return [
        _needed(simulator, pairs, row, left_out[row], bool(likes[row]), answer=answer) if flipped[row] else None
        for row in range(len(pairs))
    ]


def _needed(
    simulator: UserSimulator, pairs: Pairs, row: int, left_out: NDArray[np.bool_], like: bool, *, answer: Answer
) -> tuple[int, ...]:
    """Members of a flipping set, freed one after the other of those that it flips without, until each is needed."""
    members = np.flatnonzero(left_out)
    while len(members) > 1:
        fewer = members[np.argwhere(~np.eye(len(members), dtype=bool))[:, 1].reshape(len(members), -1)]  # one less each
        masks = np.zeros((len(members), len(left_out)), dtype=bool)
        np.put_along_axis(masks, fewer, values=True, axis=1)
        margin = margins(answers(simulator, pairs.without(np.full(len(members), row), masks)), answer)
        flips = margin < 0 if like else margin > 0
        if not flips.any():
            break
        members = fewer[flips.argmax()]
    return tuple(members.tolist())
