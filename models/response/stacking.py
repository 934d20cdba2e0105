"""The stack of the response models' opinions: how far it leaves its prior is chosen by cross-validation over users.

Parts in doubt (models/response/features.py), those that rest on the language model's keywords among them, must pay for
themselves on validation pairs, surely, or a stiffer penalty keeps them out, each for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import LogisticModel
from models.interactions import Interactions
from models.response.features import HELD, IN_DOUBT, STACK_PRIOR, Features, feature_matrix

_FOLDS = 5
_HELD_STIFFNESS = 10_000.0


@dataclass(frozen=True)
class StackPenalty:
    """How strongly a stack is held to its prior.

    Parameters
    ----------
    penalty
        Of every feature, as in `LogisticModel.fit`.
    stiffness
        How many times that of a feature in doubt is; a large one leaves it out.
    """

    penalty: float
    stiffness: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PenaltyChoices:
    """What cross-validation chooses from.

    Parameters
    ----------
    penalties
        For all features.
    stiffnesses
        For each part in doubt; the search starts at the largest.
    """

    penalties: tuple[float, ...]
    stiffnesses: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class StackDesign:
    """What a stack is fitted on.

    Parameters
    ----------
    names
        The features.
    prior
        As in `LogisticModel.fit`.
    in_doubt
        Parts: features that have one stiffness together.
    held
        Features that keep their prior.
    """

    names: tuple[str, ...]
    prior: Mapping[str, float]
    in_doubt: tuple[tuple[str, ...], ...]
    held: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Self:
        """The usual prior and parts in doubt, as far as these features are among `names`."""
        prior = {name: weight for name, weight in STACK_PRIOR.items() if name in names}
        parts = (tuple(name for name in part if name in names) for part in IN_DOUBT)
        return cls(names, prior, tuple(part for part in parts if part), tuple(name for name in HELD if name in names))

    def stiffness(self, by_part: Sequence[float]) -> dict[str, float]:
        """Stiffness by feature, of those by part in doubt."""
        held = dict.fromkeys(self.held, _HELD_STIFFNESS)
        pairs = zip(self.in_doubt, by_part, strict=True)
        return {name: value for part, value in pairs for name in part} | held


def fit_stack(
    names: tuple[str, ...],
    features: Features,
    validation: Interactions,
    choices: PenaltyChoices,
    seed: int,
) -> tuple[LogisticModel, StackPenalty]:
    """Fit a stack and say which penalty it was given.

    Parameters
    ----------
    names
        The features, all of them or some of `FEATURE_NAMES`.
    features
        Values for the n validation pairs, those of other features among them.
    validation
        The pairs.
    choices
        Penalties to choose from.
    seed
        Assigns users to the folds of cross-validation.
    """
    design, matrix = StackDesign.of(names), feature_matrix(features, names)
    chosen = choose_penalty(design, matrix, validation.likes, validation.users, choices, seed=seed)
    stack = LogisticModel.fit(
        names, matrix, validation.likes, penalty=chosen.penalty, prior=design.prior, stiffness=chosen.stiffness
    )
    return stack, chosen


def choose_penalty(
    design: StackDesign,
    features: NDArray[np.float32],
    likes: NDArray[np.bool_],
    users: NDArray[np.int64],
    choices: PenaltyChoices,
    *,
    seed: int,
) -> StackPenalty:
    """The choice that no change of its penalty, or of one part's stiffness, betters in five-fold cross-validation.

    Parts in doubt start outside, and are let in where that betters the loss by more than one standard error over users
    (Breiman et al. 1984): on small splits the better of two is often the luckier one.

    Parameters
    ----------
    design
        Of the stack.
    features, likes
        As in `LogisticModel.fit`.
    users
        int64 array of shape (n,): rows of one user are held out together.
    choices
        What to choose from; the first of equals is taken.
    seed
        Assigns users to folds.
    """
    in_doubt = design.in_doubt
    names_of_users, rows = np.unique(users, return_inverse=True)
    if len(names_of_users) == 1:  # a single user says nothing of others: stay near the prior
        stiffest = (max(choices.stiffnesses),) * len(in_doubt)
        return StackPenalty(max(choices.penalties), design.stiffness(stiffest))
    folds = np.random.default_rng(seed).permutation(len(names_of_users))[rows] % _FOLDS

    @cache
    def losses(penalty: float, stiffness: tuple[float, ...]) -> NDArray[np.float64]:
        """Log-loss of each user's rows by the stack that is fitted without the user's fold: float64 (n_users,)."""
        p, by_feature = np.empty(len(likes)), design.stiffness(stiffness)
        for fold in np.unique(folds):
            out = folds == fold
            model = LogisticModel.fit(
                design.names,
                features[~out],
                likes[~out],
                penalty=penalty,
                prior=design.prior,
                stiffness=by_feature,
            )
            p[out] = model.probabilities(features[out])
        return np.bincount(rows, -np.log(np.clip(np.where(likes, p, 1 - p), 1e-6, None))).astype(np.float64)

    def let_in(penalty: float, stiffness: tuple[float, ...], part: int) -> tuple[float, ...]:
        """The stiffness that betters the loss most, if by more than a standard error; else the same."""
        others = [(*stiffness[:part], value, *stiffness[part + 1 :]) for value in choices.stiffnesses]
        best = min(others, key=lambda other: losses(penalty, other).sum())
        gain = losses(penalty, stiffness) - losses(penalty, best)
        return best if gain.sum() > np.sqrt(len(gain)) * gain.std() else stiffness

    def bettered(stiffness: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
        penalty = min(choices.penalties, key=lambda value: losses(value, stiffness).sum())
        for part in range(len(in_doubt)):
            stiffness = let_in(penalty, stiffness, part)
        return penalty, stiffness

    best = bettered((max(choices.stiffnesses),) * len(in_doubt))
    while (after := bettered(best[1])) != best:
        best = after
    return StackPenalty(best[0], design.stiffness(best[1]))
