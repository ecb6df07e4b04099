"""The end of a loop tick: one scheduled call in which every room with something new writes it."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from engine.realtime.seat import RoomMetrics

if TYPE_CHECKING:
    from engine.realtime.room import Room

__all__ = ["Tick"]


class Tick:
    """One scheduled call at the end of a loop tick, in which every room with something new flushes it."""

    __slots__ = ("_due", "_metrics")

    def __init__(self, metrics: RoomMetrics) -> None:
        self._metrics = metrics
        self._due: list[Room] = []

    def due(self, room: Room) -> None:
        """Flush ``room`` at the end of this tick."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._run)
        self._due.append(room)

    def now(self, room: Room) -> None:
        """Flush ``room`` at once."""
        self._write([room])

    def _run(self) -> None:
        rooms, self._due = self._due, []
        self._write(rooms)

    def _write(self, rooms: list[Room]) -> None:
        began = perf_counter()
        written = done = 0
        try:
            for room in rooms:
                done += 1
                written += room.flush()
        finally:
            # A room that fails must not silence those after it.
            for room in rooms[done:]:
                self.due(room)
            if written:
                self._metrics.delivered(written, perf_counter() - began)
