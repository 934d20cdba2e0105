"""The paper's three models asked in one go, where nobody wants P(like): what a learner's sessions ask for.

Source: arXiv 2412.16984; the models are those of models/response/keyword_matching.py, models/response/similarity.py
and models/response/sasrec/network.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import majority, weighed
from models.estimators.reaction_sums import Learned, Scalars, pair_statistics
from models.interactions import HistoryArrays
from models.kernels.compiled import Plain, loop
from models.response.cosines import FarCosines, KeywordProducts, UnitVectors
from models.response.evidence import category_histories
from models.response.keyword_matching import KeywordSide, shared_keywords
from models.response.sasrec.network import matches
from models.response.similarity import Cosines, closest


class LogicalModels(NamedTuple):
    """What keyword matching and similarity know of all items; `categories` are `PackedSets.words`."""

    sides: tuple[KeywordSide, KeywordSide]
    categories: NDArray[np.uint64]
    cosines: Cosines
    neutral: tuple[float, float]


@loop
def ask_voters(
    models: tuple[Plain, Plain],
    candidates: NDArray[np.int64],
    histories: tuple[Plain, Plain],
    states: NDArray[np.float32],
    coins: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.bool_]]:
    """Ask `LogicalModels` and SASRec's `PairModel` about candidates (b,).

    `histories` are the `HistoryArrays` that the former and the latter remember, `states` (b, d) SASRec's; `coins` those
    of `cast`. Named tuples come as `plain` ones.

    Returns
    -------
    Evidence for and against by keywords and by similarity, SASRec's probability, and NaN for P(like): float32 (6, b);
    the votes, (b, 3); and what the majority says, (b,).
    """
    (sides, categories, (pro, con, (products, vectors)), neutral), (of_items, scalars, learned, line, share) = models
    cosines = Cosines(pro, con, FarCosines(KeywordProducts(*products), UnitVectors(*vectors)))
    of_logical, of_statistics = HistoryArrays(*histories[0]), HistoryArrays(*histories[1])
    found = np.full((6, len(candidates)), np.nan, dtype=np.float32)
    relevant = category_histories(categories, candidates, of_logical.items)
    found[:2] = shared_keywords((KeywordSide(*sides[0]), KeywordSide(*sides[1])), relevant, candidates, of_logical)
    found[2:4] = closest(cosines, relevant, candidates, of_logical, neutral)
    statistics = pair_statistics(Scalars(*scalars), Learned(*learned), candidates, of_statistics)
    logits, of_states = weighed(statistics, *line), matches(states, of_items, candidates)
    for row in range(len(candidates)):
        found[4, row] = np.float32(1) / (np.float32(1) + np.exp(-(of_states[row] + share * logits[row])))
    votes = cast(((found[0], found[1]), (found[2], found[3])), found[4], coins)
    return found, votes, majority(votes)


@loop
def cast(
    evidence: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]],
    sasrec_probability: NDArray[np.float32],
    coins: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.int8]:
    """Votes (b, 3) by evidence for and against of two models, a tie decided by its coin, and by SASRec: (b,) each."""
    votes = np.empty((len(sasrec_probability), 3), dtype=np.int8)
    for row in range(len(votes)):
        for model in range(2):
            positive, negative = evidence[model][0][row], evidence[model][1][row]
            votes[row, model] = coins[model][row] < 0.5 if positive == negative else positive > negative
        votes[row, 2] = sasrec_probability[row] >= 0.5
    return votes
