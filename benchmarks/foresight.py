"""What foresight can bring in a generated world with boredom, for one who knows the truth and the length of a session.

    .venv/bin/python benchmarks/foresight.py [--boredom 1.5 3 5] [--memory 5] [--users 60] [--steps 40] [--json]

Three sequences of places that a user has not visited, by the true likes that they come to: `greedy` takes the best
place now, `foreseeing` counts boredom twice, for what a place loses and for what it takes from those that follow, and
`best` is the best that simulated annealing finds from there. `gain` is how much more likes it brings than greedy does.
Nothing is learned, so no policy gains more by its horizon than about that.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from models.kernels.compiled import loop
from storage.sample.world import generate
from storage.settings.sample import SampleWorldSettings

THRESHOLD, SEED = 3, 1
TRIES, WARMTH = 300_000, 0.05  # of annealing; the temperature at first, in likes


class Visitor(NamedTuple):
    """What a session of one user depends on.

    Parameters
    ----------
    scores
        float64 array of shape (n,): of the places, Phi^-1 of the P(like) that boredom takes from.
    kinds
        int64 array of shape (n,): their categories.
    visited
        bool array of shape (n,): what is not shown.
    loss
        What boredom takes from a score at most.
    memory
        Last places that it comes from.
    """

    scores: NDArray[np.float64]
    kinds: NDArray[np.int64]
    visited: NDArray[np.bool_]
    loss: float
    memory: int


@loop
def likes(places: NDArray[np.int64], visitor: Visitor) -> float:
    """Sum of P(like) over a sequence of places."""
    scores, kinds, _, loss, memory = visitor
    total = 0.0
    for t in range(len(places)):
        same = 0
        for back in range(1, min(memory, t) + 1):
            same += kinds[places[t - back]] == kinds[places[t]]
        total += 0.5 * math.erfc((loss * same / memory - scores[places[t]]) / math.sqrt(2))
    return total


@loop
def greedy(visitor: Visitor, price: float, steps: int) -> NDArray[np.int64]:
    """The sequence that takes the place of the highest score now, where boredom counts `price` times."""
    scores, kinds, visited, loss, memory = visitor
    places, used = np.empty(steps, dtype=np.int64), visited.copy()
    for t in range(steps):
        highest = -np.inf
        for place in range(len(scores)):
            same = 0
            for back in range(1, min(memory, t) + 1):
                same += kinds[places[t - back]] == kinds[place]
            score = scores[place] - price * loss * same / memory
            if not used[place] and score > highest:
                highest, places[t] = score, place
        used[places[t]] = True
    return places


@loop
def annealed(places: NDArray[np.int64], visitor: Visitor, drawn: NDArray[np.float64]) -> float:
    """Likes of the best sequence that swaps of two places, and of a place for one left out, lead to from `places`.

    `drawn`, (tries, 5) in [0, 1), says which swaps are tried and whether one for the worse is kept.
    """
    places, used, n = places.copy(), visitor.visited.copy(), len(visitor.scores)
    used[places] = True
    now = best = likes(places, visitor)
    for number in range(len(drawn)):
        first, second = int(drawn[number, 0] * len(places)), int(drawn[number, 1] * len(places))
        other, within = int(drawn[number, 2] * n), drawn[number, 3] < 0.5
        if not within and used[other]:
            continue
        left, right = places[first], places[second]
        if within:
            places[first], places[second] = right, left
        else:
            places[first] = other
        after = likes(places, visitor)
        temperature = WARMTH * (1 - number / len(drawn))
        if after >= now or drawn[number, 4] < math.exp((after - now) / temperature):
            now, best = after, max(best, after)
            if not within:
                used[left], used[other] = False, True
        else:
            places[first] = left
            if within:
                places[second] = right
    return best


def row(settings: SampleWorldSettings, users: int, steps: int) -> dict[str, object]:
    """Mean likes of a session of the first users of a world."""
    world = generate(settings, THRESHOLD, SEED)
    z = ndtri(world.truth["probability"].to_numpy().astype(np.float64)).reshape(settings.users, settings.items)
    kinds = np.arange(settings.items) % settings.categories
    used = np.zeros(z.shape, dtype=bool)
    used[*(world.interactions[name].str.slice(1).cast(pl.Int64).to_numpy() for name in ("user_id", "item_id"))] = True
    loss, memory = settings.boredom / settings.noise, settings.boredom_memory
    drawn, sums = np.random.default_rng(SEED).random((TRIES, 5)), []
    for user in range(users):
        visitor = Visitor(z[user], kinds, used[user], loss, memory)
        sequences = [greedy(visitor, price, steps) for price in (1.0, 2.0)]
        values = [likes(places, visitor) for places in sequences]
        sums.append([*values, annealed(sequences[int(np.argmax(values))], visitor, drawn)])
    now, foreseeing, best = np.mean(sums, axis=0)
    return {
        "boredom": settings.boredom,
        "greedy": round(float(now), 2),
        "foreseeing": round(float(foreseeing), 2),
        "best": round(float(best), 2),
        "gain": f"{best / now - 1:.1%}",
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boredom", type=float, nargs="+", default=[1.5, 3, 5])
    parser.add_argument("--memory", type=int, default=5)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    worlds = [SampleWorldSettings(boredom=stars, boredom_memory=arguments.memory) for stars in arguments.boredom]
    rows = [row(world, arguments.users, arguments.steps) for world in worlds]
    print(json.dumps(rows) if arguments.json else pl.DataFrame(rows))


if __name__ == "__main__":
    main()
