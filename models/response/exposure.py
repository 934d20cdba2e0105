"""From what users rate to what they are shown: how much less likely a like is where the user did not choose the item.

Users rate what they expect to like. Weighing rated pairs by the inverse of their propensity corrects for choices by
what the features tell; it cannot correct for what a user knew beyond them. So let a pair's logit of P(like) be L + e,
where L is the prediction and e what it misses, and let users choose by all of it and by fame:

    P(user rates i rather than any of a set of items) ~ fame_i exp(slope (L_i + e_i))

Among rated pairs e is then higher than among all, by slope times its variance. The slope can be learned, since L is
known of all pairs. The variance cannot: what the prediction misses is part taste, which the user foresees, and part
chance, which nobody does. A logistic variable has variance pi^2 / 3, so with a foreseen share f

    logit P(like | shown) = logit P(like | rated) - slope f pi^2 / 3

f = 0 says that users choose by nothing but what the model knows too, f = 1 that they foresee every reaction. Sources:
the selection model of Heckman (Econometrica 1979); the conditional logit of choices with sampled alternatives of
McFadden (1978); the foreseen share as the parameter of a sensitivity analysis (Rosenbaum and Rubin 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fminbound
from scipy.special import logsumexp

from models.estimators.logistic import LogisticModel
from models.interactions import Interactions
from models.response.features import ResponseModels, feature_matrix

HIDDEN_VARIANCE = np.pi**2 / 3
_ALTERNATIVES = 25  # items that a choice is set against
_STEEPEST = 5.0


@dataclass(frozen=True)
class Selection:
    """How users choose what they rate.

    Parameters
    ----------
    slope
        What a unit of the logit of P(like) adds to the log odds of being chosen, 0 at least.
    foresight
        Share of what the prediction misses that users foresee.
    """

    slope: float
    foresight: float

    @property
    def shift(self) -> float:
        """What is taken from the logit of P(like) where the user did not choose."""
        return self.slope * self.foresight * HIDDEN_VARIANCE


@dataclass(frozen=True)
class Choices:
    """n items that their users chose to rate, and the alternatives that each did not.

    Parameters
    ----------
    users
        int64 array of shape (n,).
    items
        int64 array of shape (n, 1 + m): the chosen item, then alternatives drawn by fame.
    open
        bool array of shape (n, 1 + m): False for an alternative that the user has rated.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    open: NDArray[np.bool_]


def drawn_choices(train: Interactions, n: int, seed: int) -> Choices:
    """Up to n training interactions, and for each items drawn with chances by their number of ratings.

    What is drawn by fame cancels the fame in the choice (McFadden's sampling of alternatives).
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(train))[:n])
    drawn = train.items[rng.integers(len(train), size=(len(rows), _ALTERNATIVES))]
    users = train.users[rows]
    rated = np.isin(users[:, None] * train.n_items + drawn, train.users * train.n_items + train.items)
    items = np.column_stack([train.items[rows], drawn])
    return Choices(users, items, np.column_stack([np.ones(len(rows), dtype=bool), ~rated]))


def predicted(
    models: ResponseModels, ensemble: LogisticModel, train: Interactions, choices: Choices, max_history: int
) -> NDArray[np.float64]:
    """Logits of P(like), beyond what the item is liked by all, from histories without the chosen item: (n, 1 + m).

    How much an item is liked by all is part of its fame already.
    """
    n, width = choices.items.shape
    logits = np.empty((n, width))
    for rows, histories in train.histories_by_parts(choices.users, max_history):
        chosen = choices.items[rows, :1]
        others = histories.without(histories.items == chosen)
        for k in range(width):
            items = choices.items[rows, k]
            features = models.opinions(choices.users[rows], items, others).features
            logits[rows, k] = ensemble.logits(feature_matrix(features)) - models.bias.item_effects[items]
    return logits


def selection_slope(choices: Choices, logits: NDArray[np.float64]) -> float:
    """The slope under which the choices are likeliest given logits (n, 1 + m); at least 0."""
    if not len(logits):
        return 0.0

    def loss(slope: float) -> float:
        worth = np.where(choices.open, slope * logits, -np.inf)
        return float((logsumexp(worth, axis=1) - worth[:, 0]).sum())

    return float(np.asarray(fminbound(loss, 0.0, _STEEPEST)))
