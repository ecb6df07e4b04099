"""The deadlines of the sessions that sleep: one alarm for all of them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from engine.clock import Clock
from engine.domain.instant import Millis

__all__ = ["Deadlines"]


class Deadlines:
    """Rings with the ids of the sessions whose deadline has come, soonest first."""

    __slots__ = ("_clock", "_ring", "_timer", "_waiting")

    def __init__(self, clock: Clock, ring: Callable[[list[str]], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._waiting: list[tuple[Millis, str]] = []
        self._timer: tuple[Millis, asyncio.TimerHandle] | None = None

    def add(self, deadline: Millis, session_id: str) -> None:
        """Ring for a session at its deadline; for one with several, at each."""
        heapq.heappush(self._waiting, (deadline, session_id))
        self._set()

    def stop(self) -> None:
        """Never ring again."""
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
        self._timer = (soonest, self._clock.call_at(soonest, self._rang))

    def _rang(self) -> None:
        self._timer = None
        now = self._clock.now()
        due: list[str] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[1])
        if due:
            self._ring(due)
        self._set()
