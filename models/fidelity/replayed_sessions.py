"""Sessions replayed: a simulated user is led through the items that the real one met next, and reacts to each.

Every simulated reaction joins the history that the next one rests on, as in training a recommender, so errors may build
up. Compared with the real sequences: how many of a session's items are liked, how long runs of likes and of dislikes
are, and how much more often a like follows a like than a dislike.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from models.interactions import NO_ITEM, Histories, Interactions
from models.metrics.classification import kolmogorov_smirnov
from models.metrics.results import Result
from models.simulation.simulator import UserSimulator, coins

Mode = Literal["draw", "vote"]
SESSION_LENGTH = 20
MIN_LENGTH = 5
_LONGEST_RUN = 10


class SessionMatch(Result):
    """Real against simulated sessions; `mode` is how a simulated reaction came about."""

    mode: str
    sessions: int
    mean_length: float
    like_rate: float
    simulated_like_rate: float
    ks_of_session_like_rates: float
    correlation_of_session_like_rates: float
    jensen_shannon_of_runs: float
    like_after_like: float
    like_after_dislike: float
    simulated_like_after_like: float
    simulated_like_after_dislike: float


def session_match(simulator: UserSimulator, held_out: Interactions, mode: Mode, seed: int) -> SessionMatch | None:
    """Replay the next 20 interactions of every user who has at least five.

    Parameters
    ----------
    simulator
        Starts from its training interactions.
    held_out
        What came after them, sorted by user and time.
    mode
        "vote" or "draw".
    seed
        Of the draws and tied votes.

    Returns
    -------
    None where no user has a session.
    """
    items, likes = _next_items(held_out)
    if not len(items):
        return None
    users = np.flatnonzero(np.bincount(held_out.users, minlength=held_out.n_users) >= MIN_LENGTH)
    simulated = _replay(simulator, users, items, mode, np.random.default_rng(seed))
    there = items != NO_ITEM
    real_rates, rates = ((x & there).sum(axis=1) / there.sum(axis=1) for x in (likes, simulated))
    constant = real_rates.std() < 1e-9 or rates.std() < 1e-9
    return SessionMatch(
        mode=mode,
        sessions=len(users),
        mean_length=float(there.sum(axis=1).mean()),
        like_rate=float(likes[there].mean()),
        simulated_like_rate=float(simulated[there].mean()),
        ks_of_session_like_rates=kolmogorov_smirnov(real_rates, rates),
        correlation_of_session_like_rates=0.0 if constant else float(np.corrcoef(real_rates, rates)[0, 1]),
        jensen_shannon_of_runs=float(jensenshannon(_runs(likes, there), _runs(simulated, there), base=2)),
        like_after_like=_like_after(likes, there, after=True),
        like_after_dislike=_like_after(likes, there, after=False),
        simulated_like_after_like=_like_after(simulated, there, after=True),
        simulated_like_after_dislike=_like_after(simulated, there, after=False),
    )


def _next_items(held_out: Interactions) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """First 20 held-out items and likes of every user with at least five: (s, 20) each, padded on the right."""
    offsets = held_out.offsets
    sizes = np.diff(offsets)
    starts = offsets[:-1][sizes >= MIN_LENGTH]
    columns = np.arange(SESSION_LENGTH)
    inside = columns < sizes[sizes >= MIN_LENGTH][:, None]
    rows = np.where(inside, starts[:, None] + columns, 0)
    if not len(starts):
        return np.zeros((0, SESSION_LENGTH), dtype=np.int64), np.zeros((0, SESSION_LENGTH), dtype=bool)
    return np.where(inside, held_out.items[rows], NO_ITEM), held_out.likes[rows] & inside


def _replay(
    simulator: UserSimulator,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    mode: Mode,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Simulated reactions to the items (s, 20), each after those before it: bool (s, 20)."""
    reactions = np.zeros(items.shape, dtype=bool)
    start = simulator.interactions.histories(users, simulator.max_history)
    lengths = start.mask.sum(axis=1)
    width = start.items.shape[1] + items.shape[1]
    past = np.full((len(users), width), NO_ITEM)
    likes, ratings = np.zeros(past.shape, dtype=bool), np.full(past.shape, np.nan, dtype=np.float32)
    old = start.items.shape[1]
    past[:, :old], likes[:, :old], ratings[:, :old] = start.items, start.likes, start.ratings
    for step in range(items.shape[1]):
        rows = np.flatnonzero(items[:, step] != NO_ITEM)
        histories = Histories(past[rows], likes[rows], ratings[rows])
        tossed = coins(rng, len(rows))
        responses = simulator.respond(users[rows], items[rows, step], histories, tossed)
        drawn = tossed[:, 2] < responses.rated_probability  # the real users chose these items
        reactions[rows, step] = responses.vote if mode == "vote" else drawn
        past[rows, lengths[rows]], likes[rows, lengths[rows]] = items[rows, step], reactions[rows, step]
        lengths[rows] += 1
    return reactions


def _runs(likes: NDArray[np.bool_], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shares of runs of 1 .. 10 or more equal reactions, of dislikes and then of likes: float64 (20,)."""
    counts = np.zeros((2, _LONGEST_RUN))
    for row, length in zip(likes, there.sum(axis=1), strict=True):
        changes = np.flatnonzero(np.diff(row[:length])) + 1
        edges = np.concatenate([[0], changes, [length]])
        for begin, run in zip(edges[:-1], np.diff(edges), strict=True):
            counts[int(row[begin]), min(run, _LONGEST_RUN) - 1] += 1
    return (counts / counts.sum()).ravel()


def _like_after(likes: NDArray[np.bool_], there: NDArray[np.bool_], *, after: bool) -> float:
    """Share of likes right after a like (or after a dislike); 0 where there is no such place."""
    follows = there[:, 1:] & (likes[:, :-1] == after)
    return float(likes[:, 1:][follows].mean()) if follows.any() else 0.0
