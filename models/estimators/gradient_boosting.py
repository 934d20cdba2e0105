"""Gradient boosting on statistics and content: what a good tabular learner makes of the same training reactions.

The anchor of the fidelity table, not a part of the simulator: it says how much is in the statistics and categories for
a learner that needs no assumption about their shape. Source: Friedman (2001), in scikit-learn's histogram form.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.estimators.reaction_statistics import ReactionStatistics
from models.interactions import Histories, Interactions


class GradientBoosting:
    """Boosted shallow trees on `ReactionStatistics` and the candidate's categories.

    Parameters
    ----------
    statistics
        Fitted on the same training interactions.
    seed
        Of the binning.
    """

    def __init__(self, statistics: ReactionStatistics, seed: int = 0) -> None:
        self._statistics = statistics
        self._trees = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=150,
            max_leaf_nodes=8,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,  # type: ignore[arg-type]  # a bool by its documentation; typed by its default, "auto"
            random_state=seed,
        )

    def fit(self, train: Interactions) -> Self:
        """Learn from training reactions, each described without itself and what came after it.

        Raises
        ------
        ValueError
            Where all reactions are likes, or all dislikes.
        """
        features = self._with_content(self._statistics.training_features(train), train.items)
        self._trees.fit(features, train.likes)
        return self

    def probabilities(self, items: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like), float32 (b,), of candidates int64 (b,), each with the history in its row."""
        features = self._with_content(self._statistics.features(items, histories), items)
        return self._trees.predict_proba(features)[:, 1].astype(np.float32)

    def _with_content(self, statistics: NDArray[np.float32], items: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.concatenate([statistics, self._statistics.category_shares[items]], axis=1)
