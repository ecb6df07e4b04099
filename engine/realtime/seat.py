"""A seat: one live socket in a room, with its cursor; and the crowd of those that are up to date.

``Room`` writes to them and moves them in and out of its crowd; the state that this needs is kept here.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.domain.session import Role
from engine.protocol.close_codes import close_code_of
from engine.protocol.connection import Connection
from engine.realtime.closing import send_close

__all__ = ["UNSENT_LIMIT", "Crowd", "RoomMetrics", "Seat"]

UNSENT_LIMIT = 256 * 1024
"""Bytes that may wait in a client's transport before it counts as slow."""
_RECONNECT_CODES = range(4000, 4500)
"""Close codes after which clients reconnect by themselves."""


class RoomMetrics(Protocol):
    """The metrics that a room and its seats record."""

    def delivered(self, frames: int, seconds: float) -> None:
        """A tick's frames, of all rooms, were written to their transports, in so many seconds."""

    def closed(self, code: int) -> None:
        """A seat was closed by the server."""

    def refused(self, code: str) -> None:
        """A socket was refused, by error code."""


class Crowd:
    """The seats that are up to date and whose transports drain: one shared cursor, the same bytes for each.

    Only their transports are touched when they are written. A thousand sockets do not fit into a processor's cache:
    every other attribute read of each is a wait for memory, together a sixth of the time that all the writing takes.
    """

    __slots__ = ("_transports", "cursor")

    def __init__(self) -> None:
        self.cursor = 0
        self._transports: dict[Seat, asyncio.Transport] = {}

    def __len__(self) -> int:
        return len(self._transports)

    def add(self, seat: Seat) -> None:
        """Add a seat whose cursor is the crowd's."""
        seat.crowd = self
        self._transports[seat] = seat.transport

    def remove(self, seat: Seat) -> None:
        """Remove a seat; its own cursor is the crowd's from then on."""
        seat.crowd = None
        seat.own_cursor = self.cursor
        del self._transports[seat]

    def remove_all(self) -> list[Seat]:
        """Remove every seat; returns them."""
        left = list(self._transports)
        for seat in left:
            self.remove(seat)
        return left

    def advance(self, data: bytes, cursor: int) -> list[Seat]:
        """Write ``data``, which leads up to ``cursor``, to every seat; returns those removed because it did not fit."""
        space = UNSENT_LIMIT - len(data)
        full: list[asyncio.Transport] = []
        for transport in self._transports.values():
            # A connection that broke is detached a moment later; until then its transport refuses bytes.
            if transport.is_closing() or transport.get_write_buffer_size() > space:
                full.append(transport)
            else:
                transport.write(data)
        left = [seat for seat, transport in self._transports.items() if transport in full] if full else []
        for seat in left:
            self.remove(seat)
        self.cursor = cursor
        return left


class Seat:
    """A live socket in a room: its transport, its cursor, and how it is to be closed."""

    __slots__ = (
        "_admission",
        "_metrics",
        "client_id",
        "closed_with",
        "closing",
        "connection",
        "credential",
        "crowd",
        "may_reconnect",
        "own_cursor",
        "replay_until",
        "role",
        "stalled_at",
        "transport",
    )

    def __init__(
        self, client_id: str, role: Role, transport: asyncio.Transport, metrics: RoomMetrics
    ) -> None:
        self.client_id = client_id
        self.role = role
        self.transport = transport
        self.crowd: Crowd | None = None
        """The crowd it is written with, None while it is written by itself."""
        self.own_cursor = 0
        """The ``seq`` of the last numbered frame written to it, while it is in no crowd."""
        self.replay_until = 0
        """Up to this ``seq`` its own messages are sent back to it as well: it reconnected and had missed them."""
        self.stalled_at: float | None = None
        """Loop time since which its transport is too full to be written."""
        self.closing = False
        self.may_reconnect = False
        """Closed with a code that asks to reconnect: whatever code the peer answers, it has not left."""
        self.closed_with: int | None = None
        """The code with which this side closed, None while it has not. The peer may answer with another."""
        self.credential: str | None = None
        """The key or token with whose rights it leads the session."""
        self.connection: Connection | None = None
        """The protocol's state of this socket, which checks incoming messages; None until the handshake is done."""
        self._metrics = metrics
        self._admission: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    @property
    def cursor(self) -> int:
        """The ``seq`` of the last numbered frame handed to the transport."""
        return self.own_cursor if self.crowd is None else self.crowd.cursor

    async def admitted(self) -> None:
        """Return once the welcome is written, or the seat is closed instead."""
        if self._admission is not None:
            await self._admission

    def admit(self, first: bytes, cursor: int, replay_until: int) -> None:
        """Write the welcome (``first``), and take the cursor it stands for."""
        self.own_cursor = cursor
        self.replay_until = replay_until
        self.write(first)
        self._end_admission()

    def _end_admission(self) -> None:
        admission, self._admission = self._admission, None
        if admission is not None and not admission.done():
            admission.set_result(None)

    @property
    def unsent(self) -> int:
        """Bytes in the transport's buffer, which the network has not taken yet."""
        return self.transport.get_write_buffer_size()

    def leave_crowd(self) -> None:
        """Leave the crowd, if it is in one."""
        if self.crowd is not None:
            self.crowd.remove(self)

    def write(self, data: bytes) -> None:
        """Write bytes to the transport, unless the seat or the transport is closing."""
        if not self.closing and not self.transport.is_closing():
            self.transport.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, write nothing more, and abort the connection if the peer does not answer it in time."""
        if self.closing:
            return
        send_close(self.transport, code, reason)
        self.closed_with = code
        self.may_reconnect = code in _RECONNECT_CODES
        self._stop_writing()
        self._end_admission()
        self._metrics.closed(code)

    def refuse(self, error_code: str) -> None:
        """Close with the close code that belongs to an error, and count the refusal."""
        if not self.closing:
            self._metrics.refused(error_code)
        self.close(close_code_of(error_code), error_code)

    def abort(self, code: int) -> None:
        """Abort the connection without a close frame; ``code`` is counted as the reason."""
        self.closed_with = code
        self._stop_writing()
        self._end_admission()
        self._metrics.closed(code)
        self.transport.abort()

    def _stop_writing(self) -> None:
        self.closing = True
        self.leave_crowd()
