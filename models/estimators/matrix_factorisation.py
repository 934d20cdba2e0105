"""Matrix factorisation: user and item effects, and the match of their latent factors.

Source: Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems" (2009), with the logistic
likelihood of Johnson (2014) because a reaction is yes or no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit

from models.estimators.baselines import Bias
from models.interactions import Interactions
from models.metrics.classification import log_losses

PENALTIES = (2.0, 4.0, 8.0, 16.0)


class MatrixFactorisation:
    """Logit P(like) = g + b_u + b_i + <p_u, q_i>, all fitted together from the bias model's solution.

    Parameters
    ----------
    n_factors
        Length of p_u and q_i.
    factor_penalty
        L2 penalty of factors, in reactions, as in `Bias`. On sparse data it brings factors to 0: the bias model.
    seed
        Of the initial factors.
    max_iterations
        Limit of L-BFGS iterations.
    """

    def __init__(
        self, n_factors: int = 8, factor_penalty: float = 8.0, seed: int = 0, max_iterations: int = 100
    ) -> None:
        self.n_factors, self.factor_penalty = n_factors, factor_penalty
        self.seed, self.max_iterations = seed, max_iterations
        self._bias = Bias()
        self._p = self._q = np.zeros((0, n_factors), dtype=np.float32)

    def fit(self, interactions: Interactions) -> Self:
        """Minimise the penalised log-loss by L-BFGS."""
        n_users, n_items, k = interactions.n_users, interactions.n_items, self.n_factors
        users, items, likes = interactions.users, interactions.items, interactions.likes.astype(np.float64)
        rows, ones = np.arange(len(users)), np.ones(len(users))
        by_user = csr_array((ones, (users, rows)), shape=(n_users, len(users)))
        by_item = csr_array((ones, (items, rows)), shape=(n_items, len(users)))
        self._bias.fit(interactions)
        effects = self._bias
        sizes = [1, n_users, n_items, n_users * k, n_items * k]
        cuts = np.cumsum(sizes)[:-1]
        penalties = np.repeat(
            [0.0, effects.user_penalty, effects.item_penalty, self.factor_penalty, self.factor_penalty], sizes
        )

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            g, b_u, b_i, p, q = np.split(weights, cuts)
            p, q = p.reshape(n_users, k), q.reshape(n_items, k)
            p_rows, q_rows = p[users], q[items]  # (n, k)
            logits = g + b_u[users] + b_i[items] + (p_rows * q_rows).sum(axis=1)
            error = expit(logits) - likes
            log_loss = np.logaddexp(0, logits).sum() - logits @ likes
            gradient_p = by_user @ (error[:, None] * q_rows)
            gradient_q = by_item @ (error[:, None] * p_rows)
            gradient = np.concatenate(
                [[error.sum()], by_user @ error, by_item @ error, gradient_p.ravel(), gradient_q.ravel()]
            )
            return float(log_loss + 0.5 * penalties @ weights**2), gradient + penalties * weights

        factors = np.random.default_rng(self.seed).normal(scale=0.3, size=(n_users + n_items) * k)
        start = np.concatenate([[effects.global_effect], effects.user_effects, effects.item_effects, factors])
        options = {"maxiter": self.max_iterations}
        g, b_u, b_i, p, q = np.split(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x, cuts)
        effects.global_effect = float(g[0])
        effects.user_effects, effects.item_effects = b_u.astype(np.float32), b_i.astype(np.float32)
        self._p, self._q = p.reshape(n_users, k).astype(np.float32), q.reshape(n_items, k).astype(np.float32)
        return self

    @classmethod
    def chosen(
        cls, train: Interactions, validation: Interactions, seed: int = 0, penalties: Sequence[float] = PENALTIES
    ) -> Self:
        """Fitted on train rows with the penalty of factors that predicts validation rows best."""

        def loss(model: Self) -> float:
            p = model.probabilities(validation.users, validation.items)
            return float(log_losses(validation.likes, p).mean())

        return min((cls(factor_penalty=penalty, seed=seed).fit(train) for penalty in penalties), key=loss)

    def probabilities(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(like), float32 (b,)."""
        return expit(self._bias.logits(users, items) + (self._p[users] * self._q[items]).sum(axis=1))
