"""What the stack could be instead of a logistic regression, and whether calibrating it again helps: per finished run.

    .venv/bin/python benchmarks/stacks.py data/movielens data/anime [--folds 5] [--json]

Each candidate is fitted on four fifths of the validation split's users and judged by the rest, in turn (`validation`),
and fitted on all of them and judged by the test split (`test`). The first row is the stack as it is. Calibrators are
fitted on its out-of-fold logits: temperature (Guo et al. 2017, arXiv 1706.04599), beta (Kull et al. 2017), isotonic
(Zadrozny and Elkan 2002). Trees get the same features. Penalty and stiffness are those that the run chose.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models.estimators.logistic import LogisticModel
from models.interactions import Interactions
from models.metrics.calibration import debiased_calibration_error, error_by_chance, expected_calibration_error
from models.metrics.classification import UserBootstrap, auc, log_losses
from models.response.features import FEATURE_NAMES, STACK_PRIOR, feature_matrix
from models.response.stacking import StackPenalty, fit_stack
from storage.run_folder import RunFolder
from tasks.loading import load_interactions, load_simulator
from tasks.steps.fit_ensemble import EnsembleSettings

Features = NDArray[np.float32]
Predict = Callable[[Features], NDArray[np.float64]]
"""Features (n, f) to logits of P(like), float64 (n,)."""
Fit = Callable[[Features, Interactions], Predict]
Calibrator = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Logits (n,) to better ones, float64 (n,)."""

INNER_FOLDS = 5
EDGE = 1e-4  # isotonic steps at 0 and 1 would make one mistake infinitely costly


def logistic(features: Features, pairs: Interactions, penalty: StackPenalty) -> Predict:
    """The stack as it is."""
    model = LogisticModel.fit(
        FEATURE_NAMES,
        features,
        pairs.likes,
        penalty=penalty.penalty,
        prior=STACK_PRIOR,
        stiffness=penalty.stiffness,
    )
    return lambda x: model.logits(x).astype(np.float64)


def calibrated(features: Features, pairs: Interactions, penalty: StackPenalty, kind: str) -> Predict:
    """The stack with a calibrator fitted on logits that it gives users it was not fitted on."""
    held_out, folds = np.zeros(len(pairs)), folds_of(pairs.users, INNER_FOLDS, seed=1)
    for fold in range(INNER_FOLDS):
        out = folds == fold
        held_out[out] = logistic(features[~out], part(pairs, ~out), penalty)(features[out])
    stack, calibrator = logistic(features, pairs, penalty), CALIBRATORS[kind](held_out, pairs.likes)
    return lambda x: calibrator(stack(x))


def temperature(logits: NDArray[np.float64], likes: NDArray[np.bool_]) -> Calibrator:
    """Logits times one number, plus another (Platt's form)."""
    model = LogisticRegression(C=np.inf).fit(logits[:, None], likes)
    return lambda z: model.decision_function(z[:, None])


def beta(logits: NDArray[np.float64], likes: NDArray[np.bool_]) -> Calibrator:
    """Logistic regression on ln p and -ln (1 - p)."""

    def columns(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([-np.logaddexp(0, -z), np.logaddexp(0, z)], axis=1)

    model = LogisticRegression(C=np.inf).fit(columns(logits), likes)
    return lambda z: model.decision_function(columns(z))


def isotonic(logits: NDArray[np.float64], likes: NDArray[np.bool_]) -> Calibrator:
    """The best increasing step function."""
    model = IsotonicRegression(y_min=EDGE, y_max=1 - EDGE, out_of_bounds="clip").fit(logits, likes)
    return lambda z: logit(model.predict(z))


CALIBRATORS = {"temperature": temperature, "beta": beta, "isotonic": isotonic}


def boosted(features: Features, pairs: Interactions, leaves: int) -> Predict:
    """Boosted trees; few pairs get few leaves to be judged by."""
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=80,
        max_leaf_nodes=leaves,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,  # type: ignore[arg-type]  # a bool by its documentation; typed by its default, "auto"
        random_state=0,
    ).fit(features, pairs.likes)
    return lambda x: np.asarray(trees.decision_function(x), dtype=np.float64)


def both(features: Features, pairs: Interactions, penalty: StackPenalty) -> Predict:
    """Mean logit of the stack and of trees."""
    of_stack, of_trees = logistic(features, pairs, penalty), boosted(features, pairs, 4)
    return lambda x: (of_stack(x) + of_trees(x)) / 2


def candidates(penalty: StackPenalty) -> dict[str, Fit]:
    """What is compared, by name."""
    return {
        "logistic": partial(logistic, penalty=penalty),
        **{f"logistic, {kind}": partial(calibrated, penalty=penalty, kind=kind) for kind in CALIBRATORS},
        "trees of 4 leaves": partial(boosted, leaves=4),
        "trees of 8 leaves": partial(boosted, leaves=8),
        "logistic and trees": partial(both, penalty=penalty),
    }


def folds_of(users: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """A fold for each row, the same for all rows of a user."""
    names, rows = np.unique(users, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(names))[rows] % n


def part(pairs: Interactions, rows: NDArray[np.bool_]) -> Interactions:
    """Some of the interactions."""
    return Interactions(
        pairs.users[rows], pairs.items[rows], pairs.likes[rows], pairs.ratings[rows], pairs.n_users, pairs.n_items
    )


def judged(pairs: Interactions, logits: NDArray[np.float64], stack: NDArray[np.float64], name: str) -> dict[str, float]:
    """Figures of logits (n,); differences are those to the stack's."""
    p, own = (expit(z).astype(np.float32) for z in (logits, stack))
    bootstrap = UserBootstrap(pairs.users, pairs.likes, 500, 0)
    losses, of_stack = log_losses(pairs.likes, p), log_losses(pairs.likes, own)
    low, high = bootstrap.mean_difference_interval(losses, of_stack)
    return {
        f"{name}_auc": auc(pairs.likes, p),
        f"{name}_log_loss": float(losses.mean()),
        f"{name}_log_loss_over_stack": float((losses - of_stack).mean()),
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_ece": expected_calibration_error(pairs.likes, p),
        f"{name}_ece_if_calibrated": error_by_chance(p, 0).mean,
        f"{name}_ece_debiased": debiased_calibration_error(pairs.likes, p),
    }


def compare(
    dataset: str, validation: tuple[Features, Interactions], test: tuple[Features, Interactions], n_folds: int
) -> list[dict[str, object]]:
    """A row a candidate."""
    x, pairs = validation
    settings = EnsembleSettings()
    _, penalty = fit_stack(
        FEATURE_NAMES, dict(zip(FEATURE_NAMES, x.T, strict=True)), pairs, settings.choices(), settings.seed
    )
    folds, rows = folds_of(pairs.users, n_folds, seed=0), []
    found: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for name, fit in candidates(penalty).items():
        held_out = np.zeros(len(pairs))
        for fold in range(n_folds):
            out = folds == fold
            held_out[out] = fit(x[~out], part(pairs, ~out))(x[out])
        found[name] = held_out, fit(x, pairs)(test[0])
    for name, (held_out, of_test) in found.items():
        figures = judged(pairs, held_out, found["logistic"][0], "validation")
        figures |= judged(test[1], of_test, found["logistic"][1], "test")
        rows.append({"dataset": dataset, "pairs": len(pairs), "stack": name, **figures})
    return rows


def features_of(folder: RunFolder) -> tuple[tuple[Features, Interactions], tuple[Features, Interactions]]:
    """The stack's inputs, float32 (n, f), and the pairs, of validation and of test."""
    simulator, found = load_simulator(folder), []
    for split in ("validation", "test"):
        pairs = load_interactions(folder, (split,))
        opinions = simulator.models.opinions_after(simulator.interactions, pairs, simulator.max_history)
        found.append((feature_matrix(opinions.features), pairs))
    return found[0], found[1]


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders of finished runs")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    rows = []
    for run in arguments.runs:
        rows += compare(run.name, *features_of(RunFolder(run)), arguments.folds)
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
