"""The clock: the one source of *now* for the engine.

Ordinarily it is the wall clock, made monotonic. The demonstration runs it faster, in server and
clients alike, so that a session of many minutes passes in one, and ends at the present.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from engine.domain.instant import Millis

__all__ = ["Clock"]


class Clock:
    """Instants in ``Millis``; ``rate`` is how many of its seconds pass in one of ours."""

    def __init__(self, *, rate: float = 1.0, start: Millis | None = None) -> None:
        """A clock that shows ``start`` now (the present, without it)."""
        self.rate = rate
        self._start = time.time_ns() // 1_000_000 if start is None else start
        self._zero = time.monotonic_ns()

    def now(self) -> Millis:
        """The present instant; never goes back, whatever the machine's clock does."""
        return self._start + int((time.monotonic_ns() - self._zero) * self.rate) // 1_000_000

    def call_at(self, when: Millis, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call on the running loop once ``when`` has come."""
        # A millisecond more: `now` rounds down, and a callback must not find itself early.
        delay = max(0, when - self.now() + 1) / 1000 / self.rate
        return asyncio.get_running_loop().call_later(delay, callback)

    async def sleep_until(self, when: Millis) -> None:
        """Return once ``when`` has come."""
        while (left := when - self.now()) > 0:
            await asyncio.sleep((left + 1) / 1000 / self.rate)

    def seconds(self, lasting: Millis) -> float:
        """How many real seconds a stretch of this clock takes."""
        return lasting / 1000 / self.rate
