"""A live socket in a room, and the crowd of those who have everything."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.domain.session import Role
from engine.protocol.connection import Connection
from engine.protocol.frames import close_frame

__all__ = ["UNSENT_LIMIT", "Crowd", "RoomEvents", "Seat"]

UNSENT_LIMIT = 256 * 1024
"""Bytes that may wait in a client's transport."""
_COME_BACK = range(4000, 4500)
"""Close codes after which clients return by themselves."""
_GOODBYE = 2.0
"""Seconds that a peer has to answer a close frame."""


class RoomEvents(Protocol):
    """What is counted of a room's doings."""

    def delivered(self, frames: int, seconds: float) -> None:
        """A tick's frames, of all rooms, were handed to the transports, in so many seconds."""

    def closed(self, code: int) -> None:
        """A seat was closed by the server."""


class Crowd:
    """Seats that have everything up to ``cursor`` and drain it: they are written as one, by their transports alone.

    A thousand sockets do not fit into a processor's cache: whatever is read of each, but for the transport that
    the write needs anyway, is a wait for memory, and together as long as a sixth of all the writing.
    """

    __slots__ = ("_transports", "cursor")

    def __init__(self) -> None:
        self.cursor = 0
        self._transports: dict[Seat, asyncio.Transport] = {}

    def __len__(self) -> int:
        return len(self._transports)

    def take_in(self, seat: Seat) -> None:
        """Take in a seat that stands where the crowd stands."""
        seat.crowd = self
        self._transports[seat] = seat.transport

    def let_go(self, seat: Seat) -> None:
        """Let a seat of this crowd stand by itself, where the crowd stands."""
        seat.crowd = None
        seat.own_cursor = self.cursor
        del self._transports[seat]

    def part(self) -> list[Seat]:
        """Let everybody go; returns them."""
        left = list(self._transports)
        for seat in left:
            self.let_go(seat)
        return left

    def advance(self, data: bytes, cursor: int) -> list[Seat]:
        """Write the bytes up to ``cursor`` to everybody whose transport takes them; returns those it let go instead."""
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
            self.let_go(seat)
        self.cursor = cursor
        return left


class Seat:
    """A live socket in a room."""

    __slots__ = (
        "_events",
        "_waits",
        "asked_back",
        "client_id",
        "closed_with",
        "closing",
        "connection",
        "crowd",
        "own_cursor",
        "replay_until",
        "role",
        "stalled_at",
        "transport",
    )

    def __init__(self, client_id: str, role: Role, transport: asyncio.Transport, events: RoomEvents) -> None:
        self.client_id = client_id
        self.role = role
        self.transport = transport
        self.crowd: Crowd | None = None
        """Those with whom it is written, None while it stands by itself."""
        self.own_cursor = 0
        """Where it stands while it stands by itself."""
        self.replay_until = 0
        """Up to here its own messages come back too: it missed them."""
        self.stalled_at: float | None = None
        """Since when its transport is too full to be written."""
        self.closing = False
        self.asked_back = False
        """Told to go with a code that says to return: whatever it answers, that is no goodbye."""
        self.closed_with: int | None = None
        """The code with which this side closed, None while it has not: its peer may answer with any other."""
        self.connection: Connection | None = None
        """Checks what comes in; None until the handshake is through."""
        self._events = events
        self._waits: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    @property
    def cursor(self) -> int:
        """The ``seq`` of the last numbered frame handed to the transport."""
        return self.own_cursor if self.crowd is None else self.crowd.cursor

    async def let_in(self) -> None:
        """Return once it has its first bytes, or is closed instead."""
        if self._waits is not None:
            await self._waits

    def begin(self, first: bytes, cursor: int, replay_until: int) -> None:
        """Take its first bytes."""
        self.own_cursor = cursor
        self.replay_until = replay_until
        self.write(first)
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        waits, self._waits = self._waits, None
        if waits is not None and not waits.done():
            waits.set_result(None)

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return self.transport.get_write_buffer_size()

    def stand_alone(self) -> None:
        """Leave the crowd, if it is in one."""
        if self.crowd is not None:
            self.crowd.let_go(self)

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; a seat that is closing takes none."""
        if not self.closing and not self.transport.is_closing():
            self.transport.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and do not wait long for the answer."""
        if self.closing:
            return
        self.write(close_frame(code, reason))
        self.closed_with = code
        self.asked_back = code in _COME_BACK
        self.gone()
        self._stop_waiting()
        self._events.closed(code)
        # The socket's own handler ends as soon as the peer answers; a peer that does not is cut off.
        asyncio.get_running_loop().call_later(_GOODBYE, self.transport.abort)

    def abort(self, code: int) -> None:
        """Cut the connection, as a broken network does, for the reason that ``code`` stands for."""
        self.closed_with = code
        self.gone()
        self._stop_waiting()
        self._events.closed(code)
        self.transport.abort()

    def gone(self) -> None:
        """Write nothing more."""
        self.closing = True
        self.stand_alone()
