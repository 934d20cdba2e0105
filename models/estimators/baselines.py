"""The baselines that stand in every table: what averages alone say of a reaction.

Each is fitted on training interactions and gives P(like) for (user, item) pairs. Rates are smoothed towards the
overall rate by a few pseudo-reactions, so that one reaction decides nothing and no probability is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.interactions import Interactions


class Baseline(Protocol):
    """What all baselines can do."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn from training interactions."""
        ...

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,), of pairs given by int64 arrays of shape (b,)."""
        ...


class GlobalRate:
    """The share of likes among all training reactions, for everybody."""

    def __init__(self) -> None:
        self.rate = 0.5

    def fit(self, interactions: Interactions) -> Self:
        """Count."""
        self.rate = (float(interactions.likes.sum()) + 1) / (len(interactions) + 2)
        return self

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        return np.full(len(users), self.rate, dtype=np.float32)


class ItemMean:
    """The item's smoothed share of likes.

    Parameters
    ----------
    pseudo_reactions
        How many reactions at the overall rate every item is given beforehand.
    """

    def __init__(self, pseudo_reactions: float = 5.0) -> None:
        self.pseudo_reactions = pseudo_reactions
        self.rates = np.zeros(0, dtype=np.float32)

    def fit(self, interactions: Interactions) -> Self:
        """Count."""
        self.rates = _smoothed_rates(
            interactions.items, interactions.likes, interactions.n_items, self.pseudo_reactions
        )
        return self

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        return self.rates[items]


class UserMean:
    """The user's smoothed share of likes.

    Parameters
    ----------
    pseudo_reactions
        How many reactions at the overall rate every user is given beforehand.
    """

    def __init__(self, pseudo_reactions: float = 5.0) -> None:
        self.pseudo_reactions = pseudo_reactions
        self.rates = np.zeros(0, dtype=np.float32)

    def fit(self, interactions: Interactions) -> Self:
        """Count."""
        self.rates = _smoothed_rates(
            interactions.users, interactions.likes, interactions.n_users, self.pseudo_reactions
        )
        return self

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        return self.rates[users]


class Bias:
    """Regularised user and item effects: logit P(like) = g + b_u + b_i. The model that others have to beat.

    Parameters
    ----------
    user_penalty, item_penalty
        L2 penalties, in reactions: half of penalty times the squared effect is added to the summed log-loss.
    """

    def __init__(self, user_penalty: float = 0.5, item_penalty: float = 0.75) -> None:
        self.user_penalty, self.item_penalty = user_penalty, item_penalty
        self.global_effect = 0.0
        self.user_effects = np.zeros(0, dtype=np.float32)
        self.item_effects = np.zeros(0, dtype=np.float32)

    def fit(self, interactions: Interactions) -> Self:
        """Minimise the penalised log-loss, which is convex, by L-BFGS."""
        n_users, n_items = interactions.n_users, interactions.n_items
        users, items, likes = interactions.users, interactions.items, interactions.likes.astype(np.float64)
        penalties = np.repeat([0.0, self.user_penalty, self.item_penalty], [1, n_users, n_items])

        def loss(effects: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            logits = effects[0] + effects[1 + users] + effects[1 + n_users + items]
            error = expit(logits) - likes
            log_loss = np.logaddexp(0, logits).sum() - logits @ likes
            by_user = np.bincount(users, weights=error, minlength=n_users)
            by_item = np.bincount(items, weights=error, minlength=n_items)
            gradient = np.concatenate([[error.sum()], by_user, by_item]) + penalties * effects
            return float(log_loss + 0.5 * penalties @ effects**2), gradient

        result = minimize(loss, np.zeros(1 + n_users + n_items), jac=True, method="L-BFGS-B", options={"maxiter": 500})
        effects = result.x.astype(np.float32)
        self.global_effect = float(effects[0])
        self.user_effects, self.item_effects = effects[1 : 1 + n_users], effects[1 + n_users :]
        return self

    def logits(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logit of P(like), float32 (b,)."""
        return np.float32(self.global_effect) + self.user_effects[users] + self.item_effects[items]

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        return expit(self.logits(users, items))

    def held_out_item_effects(self, interactions: Interactions) -> NDArray[np.float32]:
        """Each reaction's item effect as if that reaction had not been fitted: float32 (n,).

        One Newton step from the fitted effect: removing reaction j from its item moves the effect by
        -(y_j - p_j) / (penalty + sum over the item's other reactions of p (1 - p)).
        A model trained on top of the plain effects would see its own answers in them.
        """
        p = self.probabilities(interactions.users, interactions.items)
        curvature = np.bincount(interactions.items, weights=p * (1 - p), minlength=interactions.n_items)
        others = self.item_penalty + curvature[interactions.items] - p * (1 - p)
        return (self.item_effects[interactions.items] - (interactions.likes - p) / others).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All that was learned, for a checkpoint."""
        return {
            "global_effect": np.array([self.global_effect], dtype=np.float32),
            "user_effects": self.user_effects,
            "item_effects": self.item_effects,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[np.float32]]) -> Self:
        """The fitted model that `arrays` came from."""
        model = cls()
        model.global_effect = float(arrays["global_effect"][0])
        model.user_effects, model.item_effects = arrays["user_effects"], arrays["item_effects"]
        return model


def _smoothed_rates(
    rows: NDArray[np.int64], likes: NDArray[np.bool_], n: int, pseudo_reactions: float
) -> NDArray[np.float32]:
    overall = (likes.sum() + 1) / (len(likes) + 2)
    liked, seen = np.bincount(rows, weights=likes, minlength=n), np.bincount(rows, minlength=n)
    return ((liked + pseudo_reactions * overall) / (seen + pseudo_reactions)).astype(np.float32)
