"""Responses of simulated users per second: all three models, the vote and the calibrated ensemble, history 50.

    .venv/bin/python benchmarks/simulate.py [--batches 1 32 256 1024 4096] [--items 1000 10000 100000] [--json]

Beside it, in the same run: the reference, which asks for one pair at a time, and the ceiling, which is the same
arithmetic as bare matrix products: keys and values of every remembered reaction, attention, cosines by pros and by
cons, sums by category. Cosines that are looked up instead of multiplied can take the rate above it. Worlds are random;
`in_session` is the rate where SASRec's states are known already, as between two steps of an environment that has just
shown its observation.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array

from models.baselines import Bias
from models.ensemble import Ensemble
from models.interactions import Histories, Interactions
from models.keyword_matching import KeywordMatching
from models.knowledge import ItemKnowledge
from models.rating_factors import FactorSettings, RatingFactors
from models.reaction_statistics import MAX_CATEGORIES
from models.response_models import FEATURE_NAMES, ResponseModels
from models.sasrec import SASRec, SASRecSettings
from models.similarity import Similarity
from models.simulator import UserSimulator

HISTORY, USERS, VOCABULARY, WIDTH = 50, 2000, 2000, 384
SECONDS = 1.0  # each figure is the best of three spans of at least this long


def world(n_items: int, seed: int) -> UserSimulator:
    """Untrained models over random keywords: what they answer does not matter here, how much they compute does."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    sets = [csr_array(random_array((n_items, VOCABULARY), density=0.003, rng=rng, dtype=np.float32)) for _ in range(2)]
    vectors = rng.normal(size=(2, n_items, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    categories = np.zeros((n_items, 20), dtype=np.float32)
    categories[np.arange(n_items), rng.integers(20, size=n_items)] = 1
    knowledge = ItemKnowledge(
        keywords=tuple(f"k{k}" for k in range(VOCABULARY)),
        pro=sets[0],
        con=sets[1],
        pro_vectors=vectors[0],
        con_vectors=vectors[1],
        categories=csr_array(categories),
        category_names=tuple(f"c{k}" for k in range(20)),
        item_names=tuple(f"i{i}" for i in range(n_items)),
    )
    users = np.repeat(np.arange(USERS), HISTORY)
    ratings = rng.integers(1, 6, size=len(users)).astype(np.float32)
    items = rng.integers(n_items, size=len(users))
    train = Interactions(users, items, ratings >= 3, ratings, USERS, n_items)
    sasrec = SASRec(knowledge.categories, SASRecSettings()).eval()
    sasrec.statistics.fit(train)
    factors = RatingFactors(n_items, FactorSettings(rounds=1))
    factors.items = rng.normal(size=factors.items.shape).astype(np.float32)
    models = ResponseModels(
        KeywordMatching(knowledge), Similarity(knowledge, (0.5, 0.5)), sasrec, Bias().fit(train), factors
    )
    n = len(FEATURE_NAMES)
    stack = Ensemble(FEATURE_NAMES, (0.0,) * n, (1.0,) * n, (0.1,) * n, 0.0)
    return UserSimulator(knowledge, train, models, stack, max_history=HISTORY)


def rate(work: Callable[[], object], responses: int) -> float:
    """Responses per second of repeated work, after a first time that does not count."""
    work()
    best = 0.0
    for _ in range(3):
        started, n = time.perf_counter(), 0
        while time.perf_counter() - started < SECONDS or n == 0:
            work()
            n += 1
        best = max(best, n * responses / (time.perf_counter() - started))
    return best


def one_by_one(
    simulator: UserSimulator, users: NDArray[np.int64], items: NDArray[np.int64], histories: Histories
) -> None:
    """The reference: a call for every pair."""
    rng = np.random.default_rng(0)
    for row in range(len(users)):
        one = slice(row, row + 1)
        simulator.respond(users[one], items[one], histories[one], rng)


def bare_products(batch: int, settings: SASRecSettings) -> Callable[[], object]:
    """The arithmetic of a batch without anything around it."""
    d, tokens = settings.width, HISTORY + 1
    x, kv = torch.randn(batch * tokens, d), torch.randn(d, 2 * d)
    q = torch.randn(batch * settings.heads, 1, d // settings.heads)
    keys = torch.randn(batch * settings.heads, d // settings.heads, tokens)
    own, widen, narrow = torch.randn(batch, d), torch.randn(d, 2 * d), torch.randn(2 * d, d)
    candidate, remembered = torch.randn(batch, WIDTH, 1), torch.randn(batch, HISTORY, WIDTH)
    terms, categories = torch.randn(batch, 4, HISTORY), torch.randn(batch, HISTORY, min(20, MAX_CATEGORIES))

    def products() -> None:
        with torch.inference_mode():
            torch.mm(x, kv)
            torch.bmm(torch.bmm(q, keys), keys.transpose(1, 2))
            torch.mm(torch.mm(own, widen), narrow)
            for _ in range(2):
                torch.bmm(remembered, candidate)
            torch.bmm(terms, categories)

    return products


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256, 1024, 4096])
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for n_items in arguments.items:
        simulator, rng = world(n_items, arguments.seed), np.random.default_rng(arguments.seed)
        users, items = rng.integers(USERS, size=64), rng.integers(n_items, size=64)
        histories = simulator.interactions.histories(users, HISTORY)

        reference = rate(lambda: one_by_one(simulator, users, items, histories), len(users))  # noqa: B023 - used at once
        for batch in arguments.batches:
            users, items = rng.integers(USERS, size=batch), rng.integers(n_items, size=batch)
            histories = simulator.interactions.histories(users, HISTORY)
            states = simulator.sasrec.states(histories)
            asked = (users, items, histories, rng)
            rows.append(
                {
                    "items": n_items,
                    "batch": batch,
                    "responses_per_s": round(rate(lambda: simulator.respond(*asked), batch)),  # noqa: B023
                    "in_session_per_s": round(rate(lambda: simulator.respond(*asked, states), batch)),  # noqa: B023
                    "reference_per_s": round(reference),
                    "ceiling_per_s": round(rate(bare_products(batch, simulator.sasrec.settings), batch)),
                    "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
                }
            )
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
