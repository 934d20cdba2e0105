"""Compiled loops over the arrays of running sessions: what a step does to each of them besides asking the simulator."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import Plain, inner_loop, loop

STATE_BOUND = 10.0  # of SASRec's state in an observation
STATISTICS = 5  # that follow on it there


class TrainingReactions(NamedTuple):
    """All users' reactions, user u's in rows offsets[u] to offsets[u + 1]; see `models.interactions.Interactions`."""

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    ratings: NDArray[np.float32]


class SessionArrays(NamedTuple):
    """What is counted of b sessions, of which w reactions have room and n items can be shown.

    Parameters
    ----------
    items, likes, ratings
        Histories: arrays of shape (b, w), padded on the right with `NO_ITEM`.
    lengths
        int64 array of shape (b,): of the histories.
    states_known
        bool array of shape (b,): whether SASRec's state after the history is known; not any more where that changed.
    earned, last_rewards, steps
        Sum of rewards, float64, last reward, float32, and number of steps, int64: arrays of shape (b,).
    seen
        bool array of shape (b, n).
    """

    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    ratings: NDArray[np.float32]
    lengths: NDArray[np.int64]
    states_known: NDArray[np.bool_]
    earned: NDArray[np.float64]
    last_rewards: NDArray[np.float32]
    steps: NDArray[np.int64]
    seen: NDArray[np.bool_]

    @classmethod
    def of(cls, empty: Histories, n: int) -> Self:
        """Sessions that did not begin, with the room of b empty histories."""
        b = len(empty)
        return cls(
            *empty.arrays(),
            lengths=np.zeros(b, dtype=np.int64),
            states_known=np.zeros(b, dtype=bool),
            earned=np.zeros(b),
            last_rewards=np.zeros(b, dtype=np.float32),
            steps=np.zeros(b, dtype=np.int64),
            seen=np.zeros((b, n), dtype=bool),
        )


# Below, `SessionArrays` and `TrainingReactions` come as `plain` tuples.


@loop
def begin(
    rows: NDArray[np.int64],
    users: NDArray[np.int64],
    training: Plain,
    action_of: NDArray[np.int64],
    of_sessions: Plain,
) -> int:
    """Begin the sessions of `rows` anew, with the last w training reactions of the `users` there.

    All that these users reacted to counts as seen: `action_of` is the place in the catalogue of every item, `NO_ITEM`
    where it does not count.

    Returns
    -------
    Of how many sessions the state is known still.
    """
    reactions, begun = TrainingReactions(*training), SessionArrays(*of_sessions)
    width = begun.items.shape[1]
    for row, user in zip(rows, users):  # noqa: B905 - numba's zip
        end = reactions.offsets[user + 1]
        start = max(reactions.offsets[user], end - width)
        for t in range(width):
            at = start + t
            begun.items[row, t] = reactions.items[at] if at < end else NO_ITEM
            begun.likes[row, t] = at < end and reactions.likes[at]
            begun.ratings[row, t] = reactions.ratings[at] if at < end else np.nan
        begun.lengths[row], begun.states_known[row] = end - start, False
        begun.earned[row] = begun.last_rewards[row] = begun.steps[row] = 0
        begun.seen[row] = False
        for at in range(reactions.offsets[user], end):
            action = action_of[reactions.items[at]]
            if action != NO_ITEM:
                begun.seen[row, action] = True
    return begun.states_known.sum()


@loop
def react(  # noqa: PLR0917 - what a step needs
    shown: NDArray[np.int64],
    earned: NDArray[np.float32],
    liked: NDArray[np.bool_],
    catalogue: NDArray[np.int64],
    of_sessions: Plain,
    rules: tuple[float, bool],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32], int]:
    """Go on by a step that showed places in the catalogue, would earn so much, and was liked or not: (b,) each.

    `NO_ITEM` is nothing shown. `rules` are the reward of what was seen, and whether what is shown is seen from now on.

    Returns
    -------
    Items, whether each was seen before, and rewards, (b,) each; and of how many sessions the state is known still.
    """
    sessions, (of_seen, marks) = SessionArrays(*of_sessions), rules
    items, repeated = np.full(len(shown), NO_ITEM), np.zeros(len(shown), dtype=np.bool_)
    rewards = np.zeros(len(shown), dtype=np.float32)
    for row, action in enumerate(shown):
        if action != NO_ITEM:
            items[row], repeated[row] = catalogue[action], sessions.seen[row, action]
            rewards[row] = of_seen if repeated[row] else earned[row]
            sessions.seen[row, action] |= marks
            if not repeated[row]:
                _remember(sessions, row, items[row], liked[row])
        sessions.earned[row] += rewards[row]
        sessions.last_rewards[row] = rewards[row]
        sessions.steps[row] += 1
    return items, repeated, rewards, sessions.states_known.sum()


@inner_loop
def _remember(sessions: SessionArrays, row: int, item: int, like: np.bool_) -> None:
    """Add a reaction without rating to a history; a full one forgets its oldest."""
    (items, likes, ratings), lengths, width = sessions[:3], sessions.lengths, sessions.items.shape[1]
    if lengths[row] == width:
        for t in range(width - 1):
            items[row, t], likes[row, t] = items[row, t + 1], likes[row, t + 1]
            ratings[row, t] = ratings[row, t + 1]
        lengths[row] -= 1
    at = lengths[row]
    items[row, at], likes[row, at], ratings[row, at] = item, like, np.nan
    lengths[row] += 1
    sessions.states_known[row] = False


@loop
def ends(
    numbers: NDArray[np.float64],
    chances: NDArray[np.floating],
    steps: NDArray[np.int64],
    most_steps: int,
    visitors: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Which sessions end, by chances (b,) or at so many steps, and who comes next if so: (b,) each.

    Two uniform numbers a session, (b, 2), say so: of its end and of the visitor.
    """
    b = len(steps)
    terminated, truncated = np.empty(b, dtype=np.bool_), np.empty(b, dtype=np.bool_)
    following = np.empty(b, dtype=np.int64)
    for row in range(b):
        terminated[row] = numbers[row, 0] < chances[row]
        truncated[row] = not terminated[row] and steps[row] >= most_steps
        following[row] = visitors[int(numbers[row, 1] * len(visitors))]
    return terminated, truncated, following


@loop
def observe(
    rows: NDArray[np.int64],
    states: NDArray[np.float32],
    of_sessions: Plain,
    limits: tuple[int, int, float],
) -> NDArray[np.float32]:
    """SASRec's states (b, d) within bounds and five statistics, of `rows`; see `SessionBatch.observations`.

    `limits` are the most steps of a session, the reactions that are remembered, and the bound.
    """
    sessions, (most_steps, remembered, bound) = SessionArrays(*of_sessions), limits
    d = states.shape[1]
    found = np.empty((len(rows), d + STATISTICS), dtype=np.float32)
    for place, row in enumerate(rows):
        count, liked = sessions.lengths[row], sessions.likes[row].sum()
        for k in range(d):
            found[place, k] = min(max(states[row, k], -bound), bound)
        steps = sessions.steps[row]
        found[place, d] = sessions.earned[row] / max(steps, 1)
        found[place, d + 1] = sessions.last_rewards[row]
        found[place, d + 2] = steps / most_steps
        found[place, d + 3] = liked / max(count, 1)
        found[place, d + 4] = count / remembered
    return found


@loop
def opened(actions: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Actions (b, k) with each that was seen (b, n) replaced by the next that is not and no other of its row's."""
    moved, n = actions.copy(), seen.shape[1]
    for row in range(len(actions)):
        for place in range(actions.shape[1]):
            if not seen[row, actions[row, place]]:
                continue
            for step in range(1, n):
                action = (actions[row, place] + step) % n
                if not seen[row, action] and not (moved[row] == action).any():
                    moved[row, place] = action
                    break
    return moved


@loop
def offer(
    nearest: NDArray[np.int64], numbers: NDArray[np.float64], seen: NDArray[np.bool_], k: int
) -> NDArray[np.int64]:
    """Candidates (b, k): the nearest, then for each of e numbers (b, e) the first open item from where it points to.

    Where the nearest are fewer than k - e, `NO_ITEM` among them, the first open items fill up, then seen ones.
    """
    b, explored = numbers.shape
    n = seen.shape[1]
    offered, taken = np.empty((b, k), dtype=np.int64), np.zeros(n, dtype=np.bool_)
    for row in range(b):
        filled = 0
        for item in nearest[row]:
            if item != NO_ITEM and filled < k - explored:
                offered[row, filled], taken[item] = item, True
                filled += 1
        drawn = 0
        while filled < k:
            start = int(numbers[row, drawn] * n) if drawn < explored else 0
            drawn += 1
            item = _first_free(start, taken | seen[row])
            if item == NO_ITEM:
                item = _first_free(start, taken)
            offered[row, filled], taken[item] = item, True
            filled += 1
        taken[offered[row]] = False
    return offered


@inner_loop
def _first_free(start: int, closed: NDArray[np.bool_]) -> int:
    n = len(closed)
    for step in range(n):
        if not closed[(start + step) % n]:
            return (start + step) % n
    return NO_ITEM
