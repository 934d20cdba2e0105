"""How many requests may be in flight: as many as the server takes.

Additive increase, multiplicative decrease (Chiu and Jain, 1989, "Analysis of the increase and decrease algorithms for
congestion avoidance"): each answer adds one request a window, each call for fewer halves the window. It begins at its
bound, which a profile states for its server, so that a server that never complains is always kept full.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class InFlight:
    """A window of requests that grows and shrinks.

    Parameters
    ----------
    most
        The bound, at least 1.
    """

    def __init__(self, most: int) -> None:
        self.most, self._window = most, float(most)
        self._running, self._narrowed = 0, 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return int(self._window)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """Hold one of the places; yields the time at which it was entered, which `narrow` wants to know."""
        while self._running >= self.limit:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self._running += 1
        try:
            yield time.monotonic()
        finally:
            self._running -= 1
            self._let_in()

    def widen(self) -> None:
        """Let more in: the server has answered."""
        self._window = min(self.most, self._window + 1 / self._window)
        self._let_in()

    def narrow(self, entered: float) -> None:
        """Let fewer in: the server asks for it. Complaints about requests of the same wide window narrow it once."""
        if entered > self._narrowed:
            self._window = max(1.0, self._window / 2)
            self._narrowed = time.monotonic()

    def _let_in(self) -> None:
        for _ in range(self.limit - self._running):
            while self._waiting and (place := self._waiting.popleft()):
                if not place.done():  # not cancelled meanwhile
                    place.set_result(None)
                    break
