"""The fidelity card: how near simulated reactions come to real ones that no model has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.estimators.baselines import Baseline, GlobalRate, ItemMean, UserMean
from models.estimators.gradient_boosting import GradientBoosting
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.estimators.rating_factorisation import RatingFactorisation
from models.interactions import Histories, Interactions
from models.metrics.calibration import ReliabilityBin, reliability
from models.metrics.classification import Metrics, UserBootstrap, auc, classification_metrics, log_losses
from models.metrics.results import Interval, Result
from models.response.features import Opinions
from models.response.sasrec.network import SASRec
from models.response.voting import VoteTable, majority, toss
from models.simulation.simulator import UserSimulator

_ONE_VOTE = (0.0, 0.5, 1.0)
_THREE_VOTES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_COMPARED = (
    ("sasrec", "bias"),
    ("sasrec", "statistics"),
    ("ensemble", "bias"),
    ("ensemble", "matrix_factorisation"),
    ("ensemble", "rating_factorisation"),
    ("ensemble", "sasrec_paper"),
    ("ensemble", "vote"),
    ("ensemble", "gradient_boosting"),
)


@dataclass(frozen=True)
class Prediction:
    """One model's prediction of n pairs.

    Parameters
    ----------
    scores
        float32 array of shape (n,): what the AUC ranks by.
    probabilities
        float32 array of shape (n,): P(like).
    decisions
        bool array of shape (n,).
    """

    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    decisions: NDArray[np.bool_]

    @classmethod
    def from_probabilities(cls, probabilities: NDArray[np.float32]) -> Self:
        """A model that gives probabilities: a like is predicted from 0.5 on."""
        return cls(probabilities, probabilities, probabilities >= 0.5)

    @classmethod
    def from_votes(cls, values: NDArray[np.float32], decisions: NDArray[np.bool_], table: VoteTable) -> Self:
        """A model that votes: ties count 0.5 in the score and are decided by the coin; `table` gives P(like)."""
        return cls(values, table.probabilities(values), decisions)


class Comparison(Result):
    """AUC and log-loss of a model less those of another, with paired intervals."""

    model: str
    against: str
    auc_difference: float
    ci95: Interval
    log_loss_difference: float
    log_loss_ci95: Interval


class Closeness(Result):
    """How near a model's probabilities come to the true ones."""

    auc_below_best: float
    mean_absolute_error: float
    correlation: float


class FidelityCard(Result):
    """What fidelity.json says beside the names of dataset and split."""

    n: int
    like_rate: float
    models: dict[str, Metrics]
    comparisons: list[Comparison]
    reliability: dict[str, list[ReliabilityBin]]
    truth: dict[str, Closeness] | None


def vote_tables(opinions: Opinions, likes: NDArray[np.bool_]) -> dict[str, VoteTable]:
    """Like rates per vote value, for keyword_matching, similarity and vote, from opinions and likes (n,)."""
    values = opinions.vote_values()
    return {
        "keyword_matching": VoteTable.fit(values[:, 0], likes, _ONE_VOTE),
        "similarity": VoteTable.fit(values[:, 1], likes, _ONE_VOTE),
        "vote": VoteTable.fit(values.sum(axis=1), likes, _THREE_VOTES),
    }


def predict(
    simulator: UserSimulator,
    published: SASRec,
    tables: Mapping[str, VoteTable],
    validation: Interactions,
    test: Interactions,
    *,
    seed: int,
) -> dict[str, Prediction]:
    """Every model's prediction of n test pairs, from the training interactions; validation rows choose and calibrate.

    Parameters
    ----------
    simulator
        The simulator, whose own interactions the baselines are fitted on.
    published
        The published network, trained on the same interactions.
    tables
        See `vote_tables`.
    validation
        Interactions that choose the factorisations' penalties and calibrate predicted ratings.
    test
        n interactions, whose reactions no model sees.
    seed
        Of tied votes and of the factors' starting values.
    """
    train = simulator.interactions
    baselines: dict[str, Baseline] = {
        "global_rate": GlobalRate().fit(train),
        "item_mean": ItemMean().fit(train),
        "user_mean": UserMean().fit(train),
        "bias": simulator.models.bias,
        "matrix_factorisation": MatrixFactorisation.chosen(train, validation, seed),
    }
    predictions = {
        name: Prediction.from_probabilities(model.probabilities(test.users, test.items))
        for name, model in baselines.items()
    }
    ratings = RatingFactorisation(seed=seed).fit(train, validation).probabilities(test.users, test.items)
    predictions["rating_factorisation"] = Prediction.from_probabilities(ratings)
    statistics = simulator.sasrec.statistics
    history_models: dict[str, Callable[[NDArray[np.int64], Histories], NDArray[np.float32]]] = {
        "sasrec_paper": published.probabilities,
        "statistics": lambda items, histories: expit(statistics.logits(items, histories)),
    }
    if 0 < train.likes.mean() < 1:  # trees need likes and dislikes
        history_models["gradient_boosting"] = GradientBoosting(statistics, seed).fit(train).probabilities
    for name, model in history_models.items():
        parts = train.histories_by_parts(test.users, simulator.max_history)
        probabilities = np.concatenate([model(test.items[rows], histories) for rows, histories in parts])
        predictions[name] = Prediction.from_probabilities(probabilities)
    opinions = simulator.models.opinions_after(train, test, simulator.max_history)
    values, votes = opinions.vote_values(), opinions.votes(toss(np.random.default_rng(seed), len(test)))
    for column, name in enumerate(("keyword_matching", "similarity")):
        predictions[name] = Prediction.from_votes(values[:, column], votes[:, column] == 1, tables[name])
    predictions["sasrec"] = Prediction.from_probabilities(opinions.sasrec_probability)
    predictions["vote"] = Prediction.from_votes(values.sum(axis=1), majority(votes), tables["vote"])
    predictions["ensemble"] = Prediction.from_probabilities(simulator.rated_probabilities(opinions))
    return predictions


def fidelity_card(
    test: Interactions,
    predictions: Mapping[str, Prediction],
    n_resamples: int,
    seed: int,
    true_probabilities: NDArray[np.float32] | None = None,
) -> FidelityCard:
    """The card of n test pairs.

    Parameters
    ----------
    test
        Test interactions.
    predictions
        Model name to its prediction of these pairs, `bias` among them.
    n_resamples, seed
        Of the bootstrap over users.
    true_probabilities
        float32 array of shape (n,), for a generated world: adds the row `best_possible` and the part `truth`.

    Raises
    ------
    ValueError
        Where there is no test pair.
    """
    if not len(test):
        raise ValueError("test: found no interactions, expected at least one; widen the test split")
    rows = dict(predictions)
    truth: dict[str, Closeness] | None = None
    if true_probabilities is not None:
        best = auc(test.likes, true_probabilities)
        truth = {name: _closeness(test.likes, row, true_probabilities, best) for name, row in predictions.items()}
        rows["best_possible"] = Prediction.from_probabilities(true_probabilities)
    bootstrap = UserBootstrap(test.users, test.likes, n_resamples, seed)
    return FidelityCard(
        n=len(test),
        like_rate=float(test.likes.mean()),
        models={
            name: classification_metrics(test.likes, row.scores, row.probabilities, row.decisions, bootstrap, seed=seed)
            for name, row in rows.items()
        },
        comparisons=[
            _comparison(test.likes, rows, name, against, bootstrap)
            for name, against in _COMPARED
            if name in rows and against in rows
        ],
        reliability={name: reliability(test.likes, row.probabilities) for name, row in rows.items()},
        truth=truth,
    )


def _comparison(
    likes: NDArray[np.bool_], rows: Mapping[str, Prediction], name: str, against: str, bootstrap: UserBootstrap
) -> Comparison:
    model, other = rows[name], rows[against]
    losses, other_losses = log_losses(likes, model.probabilities), log_losses(likes, other.probabilities)
    return Comparison(
        model=name,
        against=against,
        auc_difference=auc(likes, model.scores) - auc(likes, other.scores),
        ci95=bootstrap.difference_interval(model.scores, other.scores),
        log_loss_difference=float((losses - other_losses).mean()),
        log_loss_ci95=bootstrap.mean_difference_interval(losses, other_losses),
    )


def _closeness(
    likes: NDArray[np.bool_], row: Prediction, true_probabilities: NDArray[np.float32], best_auc: float
) -> Closeness:
    constant = row.probabilities.std() < 1e-6 or true_probabilities.std() < 1e-6
    return Closeness(
        auc_below_best=best_auc - auc(likes, row.scores),
        mean_absolute_error=float(np.abs(row.probabilities - true_probabilities).mean(dtype=np.float64)),
        correlation=0.0 if constant else float(np.corrcoef(row.probabilities, true_probabilities)[0, 1]),
    )
