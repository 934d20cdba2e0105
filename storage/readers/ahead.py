"""Work on the parts of a dataset ahead of their use, on threads: Polars and NumPy let go of the interpreter lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

P = TypeVar("P")
R = TypeVar("R")
THREADS = 2


def ahead(function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
    """`function` of each part, in the order of the parts; at most two results wait or are being made at a time.

    An error of a part is raised where its result would stand.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(THREADS) as threads:
        for part in parts:
            waiting.append(threads.submit(function, part))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
