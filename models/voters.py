"""The paper's three models asked in one go, where nobody wants P(like): what a learner's sessions ask for.

Source: arXiv 2412.16984; the models are those of models/keyword_matching.py, models/similarity.py and models/sasrec.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import Plain, loop
from models.cosines import FarCosines, KeywordProducts, UnitVectors
from models.ensemble import weighed
from models.evidence import category_histories
from models.interactions import HistoryArrays
from models.keyword_matching import KeywordSide, shared_keywords
from models.reaction_sums import Learned, Scalars, pair_statistics
from models.sasrec import matches
from models.similarity import Cosines, closest


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
) -> NDArray[np.float32]:
    """Ask `LogicalModels` and SASRec's `PairModel` about candidates (b,).

    `histories` are the `HistoryArrays` that the former and the latter remember, `states` (b, d) SASRec's. Named tuples
    come as `plain` ones.

    Returns
    -------
    float32 array of shape (5, b): evidence for and against by keywords, by similarity, and SASRec's logit.
    """
    (sides, categories, (pro, con, (products, vectors)), neutral), (of_items, scalars, learned, line, share) = models
    cosines = Cosines(pro, con, FarCosines(KeywordProducts(*products), UnitVectors(*vectors)))
    of_logical, of_statistics = HistoryArrays(*histories[0]), HistoryArrays(*histories[1])
    found = np.empty((5, len(candidates)), dtype=np.float32)
    relevant = category_histories(categories, candidates, of_logical.items)
    found[:2] = shared_keywords((KeywordSide(*sides[0]), KeywordSide(*sides[1])), relevant, candidates, of_logical)
    found[2:4] = closest(cosines, relevant, candidates, of_logical, neutral)
    statistics = pair_statistics(Scalars(*scalars), Learned(*learned), candidates, of_statistics)
    logits, of_states = weighed(statistics, *line), matches(states, of_items, candidates)
    for row in range(len(candidates)):
        found[4, row] = of_states[row] + share * logits[row]
    return found
