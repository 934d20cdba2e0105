"""The stack of the response models' opinions: how far it leaves its prior is chosen by cross-validation over users.

The features that rest on the language model's keywords are in doubt: they must pay for themselves on validation pairs,
or a stiffer penalty keeps them out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.ensemble import Ensemble, StackPenalty, choose_penalty
from models.interactions import Interactions
from models.response_models import FROM_KEYWORDS, STACK_PRIOR


def fit_stack(
    names: tuple[str, ...],
    features: NDArray[np.float32],
    validation: Interactions,
    candidates: Sequence[StackPenalty],
    seed: int,
) -> tuple[Ensemble, StackPenalty]:
    """Fit a stack and say which penalty it was given.

    Parameters
    ----------
    names
        The features, all of them or some of `FEATURE_NAMES`.
    features
        float32 array of shape (n, f): their values for the n validation pairs.
    validation
        The pairs.
    candidates
        Penalties to choose from.
    seed
        Assigns users to the folds of cross-validation.
    """
    prior = {name: weight for name, weight in STACK_PRIOR.items() if name in names}
    in_doubt = tuple(name for name in names if name in FROM_KEYWORDS)
    if not in_doubt:
        candidates = [candidate for candidate in candidates if candidate.stiffness == candidates[0].stiffness]
    chosen = choose_penalty(
        names,
        features,
        validation.likes,
        users=validation.users,
        candidates=candidates,
        in_doubt=in_doubt,
        prior=prior,
        seed=seed,
    )
    stiffness = dict.fromkeys(in_doubt, chosen.stiffness)
    stack = Ensemble.fit(names, features, validation.likes, penalty=chosen.penalty, prior=prior, stiffness=stiffness)
    return stack, chosen
