"""The open live sockets of this server: closed all together, closed when silent, pinged in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

from engine.clock import Clock
from engine.protocol.close_codes import CloseCode
from engine.protocol.connection import Connection
from engine.protocol.frames import ping_frame
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.seat import Seat

__all__ = ["OpenSockets"]

_PINGS_AT_ONCE = 50
"""Sockets that one round of pings reaches: the round trip is a sample, and the loop is not to be held up for it."""


class OpenSockets:
    """The seats whose socket is open. Knows nothing of rooms; used on the event loop only."""

    def __init__(self, clock: Clock, metrics: LiveMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self.ended = 0
        """How many sockets have ended since the start."""
        self._seats: set[Seat] = set()
        self._pinged: dict[Seat, float] = {}
        """Loop time of the ping, for each seat that has not answered it yet."""
        self._next_ping = 0
        """Index of the seat with which the next round of pings begins."""
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._seats)

    def add(self, seat: Seat) -> None:
        """Count a socket that was let in."""
        self._seats.add(seat)
        self._empty.clear()
        self._metrics.connected(seat.role)

    def remove(self, seat: Seat, code: int | None) -> None:
        """Take out a socket that has ended; ``code`` is the peer's close code, None for a lost connection."""
        self._seats.discard(seat)
        self._pinged.pop(seat, None)
        self.ended += 1
        if not self._seats:
            self._empty.set()
        self._metrics.disconnected(seat.role, code)

    async def wait_empty(self) -> None:
        """Return once no socket is open."""
        await self._empty.wait()

    def close_all(self, code: CloseCode, reason: Callable[[], str]) -> None:
        """Close every socket, each with its own result of ``reason``."""
        for seat in list(self._seats):
            seat.close(code, reason())

    def close_silent(self) -> None:
        """Close the sockets from which nothing has come for too long."""
        at = self._clock.elapsed()
        for seat in list(self._seats):
            if seat.connection is not None and seat.connection.is_silent(at):
                seat.close(CloseCode.SILENT, "nothing was heard for 75 seconds")

    def ping_some(self) -> None:
        """Ping the next sockets in turn, to measure round trips."""
        number = len(self._seats)
        now = asyncio.get_running_loop().time()
        for seat in islice(self._seats, self._next_ping, self._next_ping + _PINGS_AT_ONCE):
            if seat.unsent == 0:
                self._pinged[seat] = now
                seat.write(ping_frame())
        self._next_ping = self._next_ping + _PINGS_AT_ONCE if self._next_ping + _PINGS_AT_ONCE < number else 0

    def pong(self, seat: Seat, connection: Connection) -> None:
        """Take a pong: a sign of life, and the round trip where it answers a ping of ours."""
        connection.last_received_at = self._clock.elapsed()
        pinged_at = self._pinged.pop(seat, None)
        if pinged_at is not None:
            self._metrics.rtt(asyncio.get_running_loop().time() - pinged_at)
