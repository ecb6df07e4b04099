"""A clock that tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.clock import Clock
from engine.domain.instant import Millis


class HandClock(Clock):
    """A clock that also jumps, or is set, when told to; timers that have become due then ring."""

    def __init__(self, *, start: Millis | None = None) -> None:
        super().__init__(start=start)
        self._follows_date = start is None
        self._ahead: Millis = 0
        self._date_ahead: Millis = 0
        self._hand_timers: set[_Timer] = set()

    def now(self) -> Millis:
        # Apart from the date a clock goes by ``elapsed``, which jumps too.
        return super().now() + (self._ahead if self._follows_date else 0) + self._date_ahead

    def elapsed(self) -> Millis:
        return super().elapsed() + self._ahead

    def call_at(self, when: Millis, callback: Any) -> Any:
        return self._timer(self.now, when, callback)

    def call_after(self, lasting: Millis, callback: Any) -> Any:
        return self._timer(self.elapsed, self.elapsed() + lasting, callback)

    def jump(self, by: Millis) -> None:
        """Let time pass at once."""
        self._ahead += by
        self._ring()

    def set_date(self, by: Millis) -> None:
        """Set the machine's date without any time passing; who waits for instants is told."""
        self._date_ahead += by
        self._ring()
        for callback in self._on_set:
            callback()

    def _timer(self, reading: Callable[[], Millis], when: Millis, callback: Any) -> _Timer:
        timer = _Timer(reading, when, callback, self._hand_timers)
        self._hand_timers.add(timer)
        return timer

    def _ring(self) -> None:
        for timer in sorted(self._hand_timers, key=lambda timer: timer.left()):
            timer.look()


class _Timer:
    def __init__(
        self, reading: Callable[[], Millis], when: Millis, callback: Any, known: set[_Timer]
    ) -> None:
        self.reading, self.when, self.callback, self.known = reading, when, callback, known
        self._set()

    def left(self) -> Millis:
        return self.when - self.reading()

    def _set(self) -> None:
        delay = max(0, self.left() + 1) / 1000
        self._handle = asyncio.get_running_loop().call_later(delay, self._call)

    def look(self) -> None:
        self._handle.cancel()
        if self.left() <= 0:
            self._call()
        else:
            self._set()

    def _call(self) -> None:
        self.known.discard(self)
        self.callback()

    def cancel(self) -> None:
        self._handle.cancel()
        self.known.discard(self)
