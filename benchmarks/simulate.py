"""Responses of simulated users per second: all three models, the vote and the calibrated ensemble, history 50.

    .venv/bin/python benchmarks/simulate.py [--batches 1 32 256 1024 4096] [--items 1000 10000] [--users 2000] [--json]

Beside it, in the same run: the reference, which asks for one pair at a time, and the ceiling, which is the same
arithmetic as bare matrix products: keys and values of every remembered reaction, attention, cosines by pros and by
cons, sums by category. Cosines that are looked up instead of multiplied can take the rate above it. Worlds are random;
`in_session` is the rate where SASRec's states are known already, as between two steps of an environment that has just
shown its observation; `looked_up` is the rate where histories are fetched from the interactions of all users as well.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from random_world import CATEGORIES, HISTORY, WIDTH, active_users, random_world

from models.interactions import Histories
from models.response.sasrec.settings import SASRecSettings
from models.simulation.simulator import UserSimulator
from models.simulation.simulator import coins as toss

SECONDS = 3.0  # of each figure


def rate(work: Callable[[], object], responses: int) -> float:
    """Responses per second in the fastest call of some seconds: what else the machine does shows least there."""
    work()
    best, ends = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return responses / best


def one_by_one(
    simulator: UserSimulator, users: NDArray[np.int64], items: NDArray[np.int64], histories: Histories
) -> None:
    """The reference: a call for every pair."""
    coins = toss(np.random.default_rng(0), len(users))
    for row in range(len(users)):
        one = slice(row, row + 1)
        simulator.respond(users[one], items[one], histories[one], coins[one])


def bare_products(batch: int, settings: SASRecSettings) -> Callable[[], object]:
    """The arithmetic of a batch without anything around it."""
    d, tokens = settings.width, HISTORY + 1
    x, kv = torch.randn(batch * tokens, d), torch.randn(d, 2 * d)
    q = torch.randn(batch * settings.heads, 1, d // settings.heads)
    keys = torch.randn(batch * settings.heads, d // settings.heads, tokens)
    own, widen, narrow = torch.randn(batch, d), torch.randn(d, 2 * d), torch.randn(2 * d, d)
    candidate, remembered = torch.randn(batch, WIDTH, 1), torch.randn(batch, HISTORY, WIDTH)
    terms, categories = torch.randn(batch, 4, HISTORY), torch.randn(batch, HISTORY, CATEGORIES)

    def products() -> None:
        with torch.inference_mode():
            torch.mm(x, kv)
            torch.bmm(torch.bmm(q, keys), keys.transpose(1, 2))
            torch.mm(torch.mm(own, widen), narrow)
            for _ in range(2):
                torch.bmm(remembered, candidate)
            torch.bmm(terms, categories)

    return products


def rates(simulator: UserSimulator, arguments: argparse.Namespace) -> Iterator[dict[str, float]]:
    """One row a batch."""
    rng, n_items = np.random.default_rng(arguments.seed), simulator.n_items
    active = active_users(simulator.interactions.n_users)
    users, items = rng.choice(active, size=64), rng.integers(n_items, size=64)
    histories = simulator.interactions.histories(users, HISTORY)
    reference = rate(lambda: one_by_one(simulator, users, items, histories), len(users))
    for batch in arguments.batches:
        users, items = rng.choice(active, size=batch), rng.integers(n_items, size=batch)
        histories = simulator.interactions.histories(users, HISTORY)
        states = simulator.sasrec.states(histories)
        coins = toss(rng, batch)
        pairs = (users, items, histories, coins)

        def looked_up() -> object:
            return simulator.respond(users, items, simulator.interactions.histories(users, HISTORY), coins)  # noqa: B023

        yield {
            "batch": batch,
            "responses_per_s": round(rate(lambda: simulator.respond(*pairs), batch)),  # noqa: B023
            "in_session_per_s": round(rate(lambda: simulator.respond(*pairs, states), batch)),  # noqa: B023
            "looked_up_per_s": round(rate(looked_up, batch)),
            "reference_per_s": round(reference),
            "ceiling_per_s": round(rate(bare_products(batch, simulator.sasrec.settings), batch)),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256, 1024, 4096])
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--users", type=int, nargs="+", default=[2000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    if min(*arguments.batches, *arguments.items, *arguments.users) < 1:
        parser.error("--batches, --items and --users are 1 or more")
    torch.set_num_threads(arguments.threads)
    rows = []
    for n_items, n_users in product(arguments.items, arguments.users):
        for row in rates(random_world(n_items, n_users, arguments.seed), arguments):
            rows.append({"items": n_items, "users": n_users} | row)
            print(rows[-1], file=sys.stderr)  # a run that is cut short has said what it measured
    if arguments.json:
        print(json.dumps(rows))
        return
    import polars as pl

    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
