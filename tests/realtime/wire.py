"""A room without a network: transports that keep what they are given."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.domain.session import Role
from engine.realtime.room import Room
from engine.realtime.seat import Seat


class Wire(asyncio.Transport):
    """A transport that keeps what it is given; its reader reads when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.unread = 0
        self.broken = False
        self.reads = True

    def write(self, data: Any) -> None:
        if self.broken:
            raise RuntimeError("the handler is closed")
        self.sent += data
        if not self.reads:
            self.unread += len(data)

    def is_closing(self) -> bool:
        return self.broken

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.broken = True


class Silence:
    """Counts nothing."""

    def delivered(self, frames: int, seconds: float) -> None:
        """Nothing."""

    def closed(self, code: int) -> None:
        """Nothing."""

    def refused(self, code: str) -> None:
        """Nothing."""


def seated(room: Room, client_id: str, role: Role = Role.PARTICIPANT) -> tuple[Seat, Wire]:
    wire = Wire()
    seat = Seat(client_id, role, wire, Silence())
    room.admit(seat, b"", room.head)
    return seat, wire


async def ticks(number: int = 3) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
