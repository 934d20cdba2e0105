"""Compiled loops over the arrays of running sessions: what a step does to each of them besides asking the simulator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import Plain, loop
from models.interactions import NO_ITEM

STATE_BOUND = 10.0  # of SASRec's state in an observation
STATISTICS = 5  # that follow on it there

class TrainingReactions(NamedTuple):
    """All users' reactions, user u's in rows offsets[u] to offsets[u + 1]; see `models.interactions.Interactions`."""

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    ratings: NDArray[np.float32]


@loop
def begin(
    rows: NDArray[np.int64],
    users: NDArray[np.int64],
    training: Plain,
    histories: Plain,
    upkeep: tuple[NDArray[np.int64], NDArray[np.bool_]],
) -> int:
    """Fill the histories (b, w) of `rows` with the last w `TrainingReactions` of the `users` there; see `append`."""
    reactions, (items, likes, ratings), (lengths, known_states) = TrainingReactions(*training), histories, upkeep
    width = items.shape[1]
    for row, user in zip(rows, users):  # noqa: B905 - numba's zip
        end = reactions.offsets[user + 1]
        start = max(reactions.offsets[user], end - width)
        for t in range(width):
            at = start + t
            items[row, t] = reactions.items[at] if at < end else NO_ITEM
            likes[row, t] = at < end and reactions.likes[at]
            ratings[row, t] = reactions.ratings[at] if at < end else np.nan
        lengths[row], known_states[row] = end - start, False
    return known_states.sum()


@loop
def append(
    histories: Plain,
    upkeep: tuple[NDArray[np.int64], NDArray[np.bool_]],
    reacted_to: NDArray[np.int64],
    liked: NDArray[np.bool_],
    left_out: NDArray[np.bool_],
) -> int:
    """Add a reaction, without rating, to each history that is not left out; a full one forgets its oldest.

    `NO_ITEM` is no reaction. `upkeep` are the histories' lengths and whether the state after each is known, which it is
    not any more where a history changed; how many are is returned.
    """
    (items, likes, ratings), (lengths, known_states) = histories, upkeep
    width = items.shape[1]
    for row, (item, like) in enumerate(zip(reacted_to, liked)):  # noqa: B905 - numba's zip
        if item == NO_ITEM or left_out[row]:
            continue
        if lengths[row] == width:
            for t in range(width - 1):
                items[row, t], likes[row, t] = items[row, t + 1], likes[row, t + 1]
                ratings[row, t] = ratings[row, t + 1]
            lengths[row] -= 1
        at = lengths[row]
        items[row, at], likes[row, at], ratings[row, at] = item, like, np.nan
        lengths[row] += 1
        known_states[row] = False
    return known_states.sum()


class Progress(NamedTuple):
    """What b sessions came to so far: sum of rewards, last reward, number of steps; and what was seen, (b, n)."""

    earned: NDArray[np.float64]
    last_rewards: NDArray[np.float32]
    steps: NDArray[np.int64]
    seen: NDArray[np.bool_]

    def of(self, rows: NDArray[np.int64]) -> Progress:
        """Of the sessions in `rows`, in that order."""
        return Progress(self.earned[rows], self.last_rewards[rows], self.steps[rows], self.seen[rows])


@loop
def restart(
    rows: NDArray[np.int64],
    users: NDArray[np.int64],
    training: Plain,
    action_of: NDArray[np.int64],
    progress: Plain,
) -> None:
    """Begin the `Progress` of `rows` anew, with what the `users` there reacted to in training as seen.

    `action_of` is the place in the catalogue of every item, `NO_ITEM` where it counts as not seen.
    """
    reactions, begun = TrainingReactions(*training), Progress(*progress)
    for row, user in zip(rows, users):  # noqa: B905 - numba's zip
        begun.earned[row] = begun.last_rewards[row] = begun.steps[row] = 0
        begun.seen[row] = False
        for at in range(reactions.offsets[user], reactions.offsets[user + 1]):
            action = action_of[reactions.items[at]]
            if action != NO_ITEM:
                begun.seen[row, action] = True


@loop
def account(
    shown: NDArray[np.int64],
    earned: NDArray[np.float32],
    catalogue: NDArray[np.int64],
    of_sessions: Plain,
    rules: tuple[float, bool],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    """Count, in their `Progress`, a step that showed places in the catalogue (b,) and would earn so much (b,).

    `NO_ITEM` is nothing shown. `rules` are the reward of what was seen, and whether what is shown is seen from now on.

    Returns
    -------
    Items, whether each was seen before, and rewards: (b,) each.
    """
    progress, (of_seen, marks) = Progress(*of_sessions), rules
    items, repeated = np.full(len(shown), NO_ITEM), np.zeros(len(shown), dtype=np.bool_)
    rewards = np.zeros(len(shown), dtype=np.float32)
    for row, action in enumerate(shown):
        if action != NO_ITEM:
            items[row], repeated[row] = catalogue[action], progress.seen[row, action]
            rewards[row] = of_seen if repeated[row] else earned[row]
            progress.seen[row, action] |= marks
        progress.earned[row] += rewards[row]
        progress.last_rewards[row] = rewards[row]
        progress.steps[row] += 1
    return items, repeated, rewards


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
    histories: Plain,
    of_sessions: Plain,
    limits: tuple[int, int, float],
) -> NDArray[np.float32]:
    """SASRec's states (b, d) within bounds and five statistics, of `rows`; see `SessionBatch.observations`.

    `limits` are the most steps of a session, the reactions that are remembered, and the bound.
    """
    progress, (items, likes, _), (most_steps, remembered, bound) = Progress(*of_sessions), histories, limits
    d = states.shape[1]
    found = np.empty((len(rows), d + STATISTICS), dtype=np.float32)
    for place, row in enumerate(rows):
        count = liked = 0
        for t in range(items.shape[1]):
            count += items[row, t] != NO_ITEM
            liked += likes[row, t]
        for k in range(d):
            found[place, k] = min(max(states[row, k], -bound), bound)
        steps = progress.steps[row]
        found[place, d] = progress.earned[row] / max(steps, 1)
        found[place, d + 1] = progress.last_rewards[row]
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


@loop
def _first_free(start: int, closed: NDArray[np.bool_]) -> int:
    n = len(closed)
    for step in range(n):
        if not closed[(start + step) % n]:
            return (start + step) % n
    return NO_ITEM
