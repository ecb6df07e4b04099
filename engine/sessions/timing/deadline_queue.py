"""The deadlines of sessions that are not in memory: one queue and one timer for all of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from engine.clock import Clock, Timer
from engine.domain.instant import Millis

__all__ = ["DeadlineQueue"]


class DeadlineQueue:
    """Calls back with the ids of the sessions whose deadline has come, soonest first."""

    __slots__ = ("_clock", "_on_due", "_stopped", "_timer", "_waiting")

    def __init__(self, clock: Clock, on_due: Callable[[list[str]], None]) -> None:
        self._clock = clock
        self._on_due = on_due
        self._waiting: list[tuple[Millis, str]] = []
        self._timer: tuple[Millis, Timer] | None = None
        self._stopped = False

    def add(self, deadline: Millis, session_id: str) -> None:
        """Queue a deadline; a session may have several. None is taken after the stop."""
        if self._stopped:
            return
        heapq.heappush(self._waiting, (deadline, session_id))
        self._set()

    def stop(self) -> None:
        """Drop all deadlines, and take no more."""
        self._stopped = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None

    def _set(self) -> None:
        if not self._waiting:
            return
        soonest = self._waiting[0][0]
        if self._timer is not None:
            if self._timer[0] <= soonest:
                return
            self._timer[1].cancel()
        self._timer = (soonest, self._clock.call_at(soonest, self._fire))

    def _fire(self) -> None:
        self._timer = None
        now = self._clock.now()
        due: list[str] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[1])
        if due:
            self._on_due(due)
        self._set()
