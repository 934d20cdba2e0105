"""The worth of each part of the ensemble: the stack fitted again without it, or on it alone.

Every variant is fitted on the validation pairs with its own cross-validated penalty, as the ensemble itself is, and
scored on the test pairs; differences to the full stack are paired over resampled users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions
from models.metrics.classification import UserBootstrap, auc, log_losses
from models.metrics.results import Interval, Result
from models.response.features import FEATURE_GROUPS, FEATURE_NAMES, LOGICAL, Features, feature_matrix
from models.response.stacking import PenaltyChoices, fit_stack


@dataclass(frozen=True)
class StackInputs:
    """The stack's inputs under one variant, of validation and of test pairs."""

    validation: Features
    test: Features


@dataclass(frozen=True)
class AblationPairs:
    """The pairs of an ablation.

    Parameters
    ----------
    validation, test
        Pairs to fit on and to be judged by.
    cold
        bool array of shape (n_test,): test pairs whose item is cold.
    """

    validation: Interactions
    test: Interactions
    cold: NDArray[np.bool_]


class Variant(Result):
    """A variant's figures; differences are the full stack's less the variant's: what is lost without the rest."""

    variant: str
    auc: float
    log_loss: float
    auc_lost: float
    auc_lost_ci95: Interval
    log_loss_saved: float
    log_loss_saved_ci95: Interval
    cold_items_auc_lost: float | None
    cold_items_auc_lost_ci95: Interval | None


class Ablation:
    """Fits and scores variants of the stack.

    Parameters
    ----------
    pairs
        Pairs to fit on and to be judged by.
    full
        The features as the simulator has them.
    choices
        For the stack's penalty; cross-validation chooses one.
    n_resamples, seed
        Of the bootstrap over users; the seed also chooses folds.
    """

    def __init__(
        self, pairs: AblationPairs, full: StackInputs, *, choices: PenaltyChoices, n_resamples: int, seed: int
    ) -> None:
        self._pairs, self._full = pairs, full
        test, cold = pairs.test, pairs.cold
        self._choices, self._seed = choices, seed
        self._bootstrap = UserBootstrap(test.users, test.likes, n_resamples, seed)
        self._cold_bootstrap = (
            UserBootstrap(test.users[cold], test.likes[cold], n_resamples, seed) if cold.any() else None
        )
        self._best = self._probabilities(full, FEATURE_NAMES)

    def without(self, *groups: str, features: StackInputs | None = None) -> Variant:
        """The stack without the features of these groups; the others are `features`, the simulator's by default."""
        left_out = {name for group in groups for name in FEATURE_GROUPS[group]}
        names = tuple(name for name in FEATURE_NAMES if name not in left_out)
        return self._variant(f"without {' and '.join(groups)}", features or self._full, names)

    def alone(self, group: str) -> Variant:
        """A stack of the features of one group."""
        return self._variant(f"{group} alone", self._full, FEATURE_GROUPS[group])

    def instead(self, name: str, features: StackInputs) -> Variant:
        """The whole stack on other features, such as those of other keywords."""
        return self._variant(name, features, FEATURE_NAMES)

    def _probabilities(self, features: StackInputs, names: tuple[str, ...]) -> NDArray[np.float32]:
        model, _ = fit_stack(names, features.validation, self._pairs.validation, self._choices, self._seed)
        return model.probabilities(feature_matrix(features.test, names))

    def _variant(self, variant: str, features: StackInputs, names: tuple[str, ...]) -> Variant:
        p, likes, cold = self._probabilities(features, names), self._pairs.test.likes, self._pairs.cold
        losses, best = log_losses(likes, p), log_losses(likes, self._best)
        on_cold = self._cold_bootstrap if likes[cold].any() and not likes[cold].all() else None
        return Variant(
            variant=variant,
            auc=auc(likes, p),
            log_loss=float(losses.mean()),
            auc_lost=auc(likes, self._best) - auc(likes, p),
            auc_lost_ci95=self._bootstrap.difference_interval(self._best, p),
            log_loss_saved=float((losses - best).mean()),
            log_loss_saved_ci95=self._bootstrap.mean_difference_interval(losses, best),
            cold_items_auc_lost=auc(likes[cold], self._best[cold]) - auc(likes[cold], p[cold]) if on_cold else None,
            cold_items_auc_lost_ci95=on_cold.difference_interval(self._best[cold], p[cold]) if on_cold else None,
        )


def ablate(ablation: Ablation, keywordless: StackInputs, variants: Mapping[str, StackInputs]) -> list[Variant]:
    """Every group left out and alone, the language model's share, and the named variants of other features.

    `keywordless` are the features of models that never saw a keyword: without keywords, kinds of users go by
    categories and items alone.
    """
    rows = [ablation.without(*LOGICAL, features=keywordless)]
    rows += [ablation.without(group) for group in FEATURE_GROUPS]
    rows += [ablation.alone(group) for group in FEATURE_GROUPS]
    return rows + [ablation.instead(name, features) for name, features in variants.items()]
