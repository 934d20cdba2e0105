"""Rows of a batch shared among threads, for work that does not hold Python's lock and treats each row alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch

Part = TypeVar("Part")
ROWS_A_THREAD = 256  # fewer of any work here take less time than waking a thread, and agents' own threads want the core


class _Busy(threading.local):
    """Whether this thread works on one of several blocks."""

    sharing = False


_busy = _Busy()


def n_blocks(n_rows: int, least: int = ROWS_A_THREAD) -> int:
    """In how many blocks `by_blocks` works now."""
    most = n_rows // least
    return 1 if most <= 1 or _busy.sharing else min(torch.get_num_threads(), most)


def by_blocks(work: Callable[[slice], Part], n_rows: int, least: int = ROWS_A_THREAD) -> list[Part]:
    """What the work makes of each block of rows, in order; one block for each of torch's threads.

    Called by work that is itself one block of several, it makes no more of them: the threads are in use.

    Parameters
    ----------
    work
        Is given the rows, a slice without step.
    n_rows
        Rows in all.
    least
        Rows of a block at least.
    """
    n = n_blocks(n_rows, least)
    if n == 1:
        return [work(slice(0, n_rows))]
    ends = np.linspace(0, n_rows, n + 1).astype(int).tolist()
    own, *others = [slice(start, end) for start, end in pairwise(ends)]
    submitted = [_threads(len(others)).submit(work, rows) for rows in others]
    _busy.sharing = True
    try:
        parts = [work(own)]  # meanwhile: to be woken takes longer than hundreds of rows
    finally:
        _busy.sharing = False
    return parts + [part.result() for part in submitted]


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    """Kept, since starting threads would take as long as hundreds of answers."""
    return ThreadPoolExecutor(n, initializer=lambda: setattr(_busy, "sharing", True))
