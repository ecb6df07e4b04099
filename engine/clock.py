"""The clock: the engine's only source of the current time.

Normally it is the wall clock, made monotonic. The demonstration runs it faster, in server and clients alike, so that a
session of many minutes passes in one, and ends at the present.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from engine.domain.instant import Millis

__all__ = ["Clock"]


class Clock:
    """Tells the current instant in milliseconds since 1970. ``rate`` is how many of its seconds pass in a real one.

    A clock that starts in the past and runs faster catches up with the present, and runs at a rate of 1 from then on.
    """

    def __init__(self, *, rate: float = 1.0, start: Millis | None = None) -> None:
        """``start`` is the instant that it shows now; the present, without one."""
        present = time.time_ns() // 1_000_000
        self._zero = time.monotonic_ns()
        self._pace = rate
        self._start = present if start is None else start
        behind = present - self._start
        # Real nanoseconds from `_zero` until it has caught up.
        self._catching_up = behind * 1_000_000 / (rate - 1) if rate > 1 and behind > 0 else math.inf

    @property
    def rate(self) -> float:
        """How many of its seconds pass in a real one, just now."""
        return self._pace if time.monotonic_ns() - self._zero < self._catching_up else 1.0

    def now(self) -> Millis:
        """The current instant. Never goes back, whatever the machine's clock does."""
        passed = time.monotonic_ns() - self._zero
        if self._pace == 1.0:
            return self._start + passed // 1_000_000
        faster = min(passed, self._catching_up)
        return self._start + int(faster * self._pace + (passed - faster)) // 1_000_000

    def call_at(self, when: Millis, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Schedule a callback on the running loop for an instant."""
        # A millisecond more: `now` rounds down, and a callback must not be early by it.
        return asyncio.get_running_loop().call_later(self.seconds(max(0, when - self.now() + 1)), callback)

    async def sleep_until(self, when: Millis) -> None:
        """Return at an instant, never before it."""
        while (left := when - self.now()) > 0:  # noqa: ASYNC110 — the loop may wake a little early
            await asyncio.sleep(self.seconds(left + 1))

    def seconds(self, lasting: Millis) -> float:
        """Convert a duration of this clock (ms) that begins now into real seconds."""
        faster = (self._catching_up - (time.monotonic_ns() - self._zero)) / 1_000_000 * self._pace
        if lasting <= faster:
            return lasting / 1000 / self._pace
        return (lasting - max(0.0, faster)) / 1000 + max(0.0, faster) / 1000 / self._pace
