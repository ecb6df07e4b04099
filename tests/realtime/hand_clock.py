"""A clock that tests move."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.clock import Clock
from engine.domain.instant import Millis


class HandClock(Clock):
    """A clock that also jumps when told to; timers that have become due then ring."""

    def __init__(self, *, start: Millis | None = None) -> None:
        super().__init__(start=start)
        self._ahead: Millis = 0
        self._timers: set[_Timer] = set()

    def now(self) -> Millis:
        return super().now() + self._ahead

    def call_at(self, when: Millis, callback: Any) -> Any:
        timer = _Timer(self, when, callback)
        self._timers.add(timer)
        return timer

    def jump(self, by: Millis) -> None:
        """Let time pass at once."""
        self._ahead += by
        for timer in sorted(self._timers, key=lambda timer: timer.when):
            timer.look()


class _Timer:
    def __init__(self, clock: HandClock, when: Millis, callback: Any) -> None:
        self.clock, self.when, self.callback = clock, when, callback
        self._set()

    def _set(self) -> None:
        delay = max(0, self.when - self.clock.now() + 1) / 1000
        self._handle = asyncio.get_running_loop().call_later(delay, self._ring)

    def look(self) -> None:
        self._handle.cancel()
        self._set()

    def _ring(self) -> None:
        self.clock._timers.discard(self)
        self.callback()

    def cancel(self) -> None:
        self.clock._timers.discard(self)
        self._handle.cancel()
