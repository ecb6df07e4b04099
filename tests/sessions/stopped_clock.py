"""A clock that stands still, for what is about time alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.domain.instant import Millis


@dataclass
class Timer:
    """Something to do at an instant."""

    when: Millis
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


class StoppedClock:
    """A clock that stands until it jumps, whose timers ring in the call that makes them due."""

    def __init__(self, start: Millis) -> None:
        self._now = start
        self._timers: list[Timer] = []

    def now(self) -> Millis:
        return self._now

    def elapsed(self) -> Millis:
        return self._now

    def call_after(self, lasting: Millis, callback: Callable[[], None]) -> Timer:
        return self.call_at(self._now + lasting, callback)

    def on_set(self, callback: Callable[[], None]) -> None:
        """Never: this clock stands or jumps, and is not set."""

    def call_at(self, when: Millis, callback: Callable[[], None]) -> Timer:
        self._timers.append(Timer(when, callback))
        return self._timers[-1]

    async def sleep_until(self, when: Millis) -> None:
        """Jump there: nobody waits for this clock."""
        self.jump(max(0, when - self._now))

    def jump(self, by: Millis) -> None:
        """Let time pass at once."""
        self._now += by
        due = [timer for timer in self._timers if timer.when <= self._now]
        self._timers = [timer for timer in self._timers if timer.when > self._now]
        for timer in due:
            if timer.callback is not None:
                timer.callback()
