"""Reaction histories as people read and write them: own ids, likes and ratings, one history a user."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from tasks.audience.arguments import ArgumentError, Ids, sequence, shown

_PARTS = (2, 3)  # ratings may be left out
_LARGEST = float(np.finfo(np.float32).max)
_EXPECTED = "a history (items, likes, ratings)"


class History(NamedTuple):
    """What one user reacted to, oldest first.

    Parameters
    ----------
    items
        The dataset's own ids.
    likes
        Whether each was liked.
    ratings
        The ratings behind the likes, NaN where only the like is known, as of simulated reactions.
    """

    items: list[str]
    likes: list[bool]
    ratings: list[float]


def told(histories: Histories, items: Ids) -> list[History]:
    """Histories of row numbers as people read them."""
    lengths = histories.mask.sum(axis=1).tolist()
    ids = items.array[histories.items]  # padding, -1, is cut off below
    rows = zip(ids, histories.likes, histories.ratings, lengths, strict=True)
    return [History(own[:n].tolist(), likes[:n].tolist(), ratings[:n].tolist()) for own, likes, ratings, n in rows]


def read(name: str, values: object, items: Ids, n: int) -> Histories:
    """Histories of row numbers from those that people write.

    Parameters
    ----------
    name
        Of the argument.
    values
        n histories (items, likes, ratings); items are own ids or row numbers, likes are booleans, a rating that is not
        known is None or NaN, and ratings may be left out altogether.
    items
        The items there are.
    n
        How many histories are expected.

    Raises
    ------
    TypeError, ArgumentError
        Where they are something else; the message names the place.
    """
    elements = sequence(name, values, "histories (items, likes, ratings)")
    if len(elements) != n:
        raise ArgumentError(f"{name}: found {len(elements)} histories for {n} users, expected one for each user")
    rows = [_read(f"{name}[{i}]", element, items) for i, element in enumerate(elements)]
    width = max((len(own) for own, _, _ in rows), default=0) or 1
    read_items = np.full((n, width), NO_ITEM, dtype=np.int64)
    likes, ratings = np.zeros((n, width), dtype=bool), np.full((n, width), UNKNOWN_RATING, dtype=np.float32)
    for i, parts in enumerate(rows):
        for array, part in zip((read_items, likes, ratings), parts, strict=True):
            array[i, : len(part)] = part
    return Histories(read_items, likes, ratings)


def _read(name: str, value: object, items: Ids) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    parts = sequence(name, value, _EXPECTED)
    if len(parts) not in _PARTS:
        raise ArgumentError(f"{name}: found {len(parts)} parts, expected {_EXPECTED}")
    rows = items.rows(f"{name} items", parts[0])
    likes = sequence(f"{name} likes", parts[1], "booleans")
    ratings = [None] * len(rows) if len(parts) == 2 else sequence(f"{name} ratings", parts[2], "numbers")
    if not len(rows) == len(likes) == len(ratings):
        raise ArgumentError(
            f"{name}: found {len(rows)} items, {len(likes)} likes and {len(ratings)} ratings, expected as many of each"
        )
    for place, like in enumerate(likes):
        if not isinstance(like, bool | np.bool_):
            raise TypeError(f"{name} likes[{place}]: found {shown(like)}, expected True or False")
    numbers = [_rating(f"{name} ratings[{place}]", rating) for place, rating in enumerate(ratings)]
    return rows, np.array(likes, dtype=bool), np.array(numbers, dtype=np.float32)


def _rating(name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: found {shown(value)}, expected a number, or None where it is not known")
    if not (value != value or abs(value) <= _LARGEST):  # noqa: PLR0124  # NaN is not equal to itself
        raise ArgumentError(f"{name}: found {shown(value)}, expected a rating on the dataset's scale")
    return float(value)
