"""Training gain: whether simulated reactions make a recommender better in the eyes of real users.

Recommenders are fitted on train rows, on train rows and simulated reactions, and on simulated reactions alone; real
test rows judge how well each orders a user's list, by AUC and NDCG (models/fidelity/ranking.py). The idea is that of
UserMirrorer (Wei et al., arXiv 2508.18142). A fourth set, train rows and reactions drawn from item means, shows how
much of a gain needs no simulator.

A reaction is drawn from the calibrated P(like) of what users are shown, given their train rows; to which items, see
models/fidelity/simulated_rows.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from models.estimators.baselines import ItemMean
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.estimators.recommenders import Scores, ease_of_likes
from models.fidelity.ranking import mixed_lists, ndcg, user_auc
from models.fidelity.simulated_rows import before, reactions, share_drawn, shown_pairs
from models.interactions import Interactions
from models.metrics.classification import UserBootstrap
from models.metrics.intervals import Estimate
from models.metrics.results import Result
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import train_sasrec
from models.simulation.simulator import UserSimulator

TRAIN, BOTH, SIMULATED, ITEM_MEANS = "train", "train_and_simulated", "simulated", "train_and_item_means"
_Qualities = dict[str, dict[str, NDArray[np.float64]]]


class TrainingGainSettings(BaseModel):
    """How much is simulated, and how intervals are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_train_row: float = Field(default=1.0, gt=0, description="simulated reactions of a user for each train row")
    draws: int = Field(default=3, gt=0, description="draws of simulated reactions, whose qualities are averaged")
    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the draws, of the samples and of the factors' starting values")


class Quality(Result):
    """Mean quality of the users' test lists, and its paired differences to two other sets of rows."""

    value: Estimate
    over_train: Estimate
    over_item_means: Estimate


class TrainingSet(Result):
    """One recommender fitted on one set of rows: how many these are, the share of likes in them, and its qualities."""

    interactions: float
    like_rate: float
    auc: Quality
    ndcg: Quality


class TrainingGain(Result):
    """Recommender to set of rows to its figures; empty where no test list has both a like and a dislike.

    Parameters
    ----------
    users, pairs
        Test lists with both a like and a dislike, and their rows.
    draws
        Of simulated reactions; the figures are means over them, the intervals over users.
    test_pairs_drawn
        Share of the test pairs that are among the simulated ones, mean of the draws.
    """

    users: int
    pairs: int
    draws: int
    test_pairs_drawn: float
    recommenders: dict[str, dict[str, TrainingSet]]


@dataclass(frozen=True)
class GainData:
    """What recommenders are fitted on and judged by.

    Parameters
    ----------
    train, validation, test
        Interactions of one catalogue; validation rows decide when SASRec's training stops, whatever it is trained on.
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    sasrec
        Settings of the published network.
    shown
        P(like) of users who are shown items, given their train rows.
    """

    train: Interactions
    validation: Interactions
    test: Interactions
    categories: csr_array
    sasrec: SASRecSettings
    shown: Scores

    @classmethod
    def of_simulator(cls, simulator: UserSimulator, validation: Interactions, test: Interactions) -> Self:
        """With the simulator's own train rows, catalogue and reactions."""
        train = simulator.interactions

        def shown(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
            parts = train.histories_by_parts(users, simulator.max_history)
            opinions = (simulator.models.opinions(users[rows], items[rows], past) for rows, past in parts)
            return np.concatenate([simulator.shown_probabilities(part) for part in opinions])

        categories, sasrec = simulator.knowledge.categories, simulator.sasrec.settings.as_published()
        return cls(train, validation, test, categories, sasrec, shown)


def training_gain(data: GainData, settings: TrainingGainSettings, progress: Callable[[str], None]) -> TrainingGain:
    """Fit every recommender on every set of rows and let the test lists judge them.

    Parameters
    ----------
    data
        Rows and the simulator's answers.
    settings
        Draws and intervals.
    progress
        Told what is being fitted.

    Raises
    ------
    ValueError
        Where no user is left with an item to react to.
    """
    lists = mixed_lists(data.test)
    if not lists:
        return TrainingGain(users=0, pairs=0, draws=settings.draws, test_pairs_drawn=0.0, recommenders={})
    progress(f"recommenders on {len(data.train):,} train rows")
    measured = {TRAIN: _qualities(data, data.train, lists, settings.seed)}
    draws: list[dict[str, Interactions]] = []
    by_draw: list[_Qualities] = []
    for draw in range(settings.draws):
        draws.append(_sets(data, settings, draw))
        by_draw.append({})
        for name, rows in draws[-1].items():
            progress(f"draw {draw + 1} of {settings.draws}: recommenders on {len(rows):,} rows, {name}")
            by_draw[-1][name] = _qualities(data, rows, lists, settings.seed)
    for name in by_draw[0]:
        measured[name] = {model: _mean([draw[name][model] for draw in by_draw]) for model in measured[TRAIN]}
    rows_of = {TRAIN: [data.train], **{name: [draw[name] for draw in draws] for name in draws[0]}}
    bootstrap = UserBootstrap(np.arange(len(lists)), np.ones(len(lists), dtype=bool), settings.resamples, settings.seed)
    return TrainingGain(
        users=len(lists),
        pairs=sum(map(len, lists)),
        draws=settings.draws,
        test_pairs_drawn=float(np.mean([share_drawn(data.test, draw[SIMULATED]) for draw in draws])),
        recommenders={
            model: {
                name: TrainingSet(
                    interactions=float(np.mean([len(part) for part in rows])),
                    like_rate=float(np.mean([part.likes.mean() for part in rows])),
                    auc=_quality(name, model, 0, measured, bootstrap),
                    ndcg=_quality(name, model, 1, measured, bootstrap),
                )
                for name, rows in rows_of.items()
            }
            for model in measured[TRAIN]
        },
    )


def _sets(data: GainData, settings: TrainingGainSettings, draw: int) -> dict[str, Interactions]:
    """The sets of rows of one draw; item means answer to the same pairs, with the same random numbers."""
    rng, train = np.random.default_rng((settings.seed, draw)), data.train
    users, items = shown_pairs(train, settings.per_train_row, rng)
    coins = rng.random(len(users))
    simulated = reactions(train, users, items, coins < data.shown(users, items))
    by_mean = reactions(train, users, items, coins < ItemMean().fit(train).probabilities(users, items))
    return {BOTH: before(simulated, train), SIMULATED: simulated, ITEM_MEANS: before(by_mean, train)}


def _qualities(
    data: GainData, rows: Interactions, lists: list[NDArray[np.int64]], seed: int
) -> dict[str, NDArray[np.float64]]:
    """AUC and NDCG of each test list by each recommender that was fitted on the rows: float64 (lists, 2)."""
    likes, qualities = data.test.likes.astype(np.float32), {}
    for name, scores in _recommenders(data, rows, seed):
        scored = scores(data.test.users, data.test.items)
        measured = [(user_auc(scored[part], likes[part]), ndcg(scored[part], likes[part])) for part in lists]
        qualities[name] = np.array(measured)
    return qualities


def _recommenders(data: GainData, rows: Interactions, seed: int) -> Iterator[tuple[str, Scores]]:
    """The recommenders one after another, fitted on the rows, from which also come the histories they judge by."""
    yield "ease", ease_of_likes(rows)
    yield "matrix_factorisation", MatrixFactorisation(seed=seed).fit(rows).probabilities
    model, _ = train_sasrec(rows, data.validation, data.categories, data.sasrec)

    def scores(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        parts = rows.histories_by_parts(users, data.sasrec.max_history)
        return np.concatenate([model.probabilities(items[part], past) for part, past in parts])

    yield "sasrec_paper", scores


def _quality(name: str, model: str, measure: int, measured: _Qualities, bootstrap: UserBootstrap) -> Quality:
    """Of one recommender fitted on the set `name`."""
    values = {other: by_model[model][:, measure] for other, by_model in measured.items()}

    def over(against: NDArray[np.float64]) -> Estimate:
        mean = float((values[name] - against).mean())
        return Estimate(mean=mean, ci95=bootstrap.mean_difference_interval(values[name], against))

    return Quality(
        value=over(np.zeros(len(values[name]))),
        over_train=over(values[TRAIN]),
        over_item_means=over(values[ITEM_MEANS]),
    )


def _mean(arrays: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.mean(arrays, axis=0)
