"""The clock: the one source of *now* for the engine.

Ordinarily it is the wall clock, made monotonic. The demonstration runs it faster, in server and
clients alike, so that a session of many minutes passes in one, and ends at the present.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from engine.domain.instant import Millis

__all__ = ["Clock"]


class Clock:
    """Instants in ``Millis``; ``rate`` is how many of its seconds pass in one of ours.

    A clock that is behind the present and runs faster meets it, and goes on with it at a rate of 1.
    """

    def __init__(self, *, rate: float = 1.0, start: Millis | None = None) -> None:
        """A clock that shows ``start`` now (the present, without it)."""
        present = time.time_ns() // 1_000_000
        self._zero = time.monotonic_ns()
        self._pace = rate
        self._start = present if start is None else start
        behind = present - self._start
        # Nanoseconds of ours from `_zero` until it meets the present.
        self._catching_up = behind * 1_000_000 / (rate - 1) if rate > 1 and behind > 0 else math.inf

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of ours, just now."""
        return self._pace if time.monotonic_ns() - self._zero < self._catching_up else 1.0

    def now(self) -> Millis:
        """The present instant; never goes back, whatever the machine's clock does."""
        passed = time.monotonic_ns() - self._zero
        if self._pace == 1.0:
            return self._start + passed // 1_000_000
        faster = min(passed, self._catching_up)
        return self._start + int(faster * self._pace + (passed - faster)) // 1_000_000

    def call_at(self, when: Millis, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call on the running loop once ``when`` has come."""
        # A millisecond more: `now` rounds down, and a callback must not find itself early.
        return asyncio.get_running_loop().call_later(self.seconds(max(0, when - self.now() + 1)), callback)

    async def sleep_until(self, when: Millis) -> None:
        """Return once ``when`` has come."""
        while (left := when - self.now()) > 0:  # noqa: ASYNC110 — the loop may wake us a little early
            await asyncio.sleep(self.seconds(left + 1))

    def seconds(self, lasting: Millis) -> float:
        """How many real seconds a stretch of this clock takes that begins now."""
        faster = (self._catching_up - (time.monotonic_ns() - self._zero)) / 1_000_000 * self._pace
        if lasting <= faster:
            return lasting / 1000 / self._pace
        return (lasting - max(0.0, faster)) / 1000 + max(0.0, faster) / 1000 / self._pace
