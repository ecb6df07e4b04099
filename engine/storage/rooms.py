"""The catalogue of rooms: read here, written only together with the events that change a room."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Protocol

from engine.domain.instant import Millis
from engine.storage.database import connect
from engine.storage.rows import RoomRow

__all__ = ["UNFINISHED", "RoomCatalogue", "RoomRow", "Rooms", "room_of"]

_NAMES = tuple(field.name for field in fields(RoomRow))

UNFINISHED = ("scheduled", "waiting", "live", "ending")
"""Phases of rooms that still have something before them."""


class RoomCatalogue(Protocol):
    """What the directory and the API ask of the catalogue."""

    async def get(self, session_id: str) -> RoomRow | None:
        """The row of a session, or None."""
        ...

    async def list(
        self, phases: Collection[str] | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[RoomRow]:
        """Rows by ``session_id``, those beyond ``after``; of all phases without ``phases``."""
        ...

    async def due(self, before: Millis) -> Sequence[RoomRow]:
        """Rooms whose next deadline is at or before an instant, soonest first."""
        ...

    async def unfinished(self) -> Sequence[RoomRow]:
        """Rooms that are neither over nor cancelled, by scheduled start."""
        ...


def room_of(row: sqlite3.Row) -> RoomRow:
    """A room from its row."""
    values = {name: row[name] for name in _NAMES}
    values["cancelled"] = bool(values["cancelled"])
    return RoomRow(**values)


class Rooms:
    """The catalogue in the database file, read on a thread of its own.

    Every verb raises ``sqlite3.Error`` when the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rooms-read")

    async def get(self, session_id: str) -> RoomRow | None:
        """As the port says."""
        rows = await self._rows("SELECT * FROM rooms WHERE session_id = ?", session_id)
        return rows[0] if rows else None

    async def list(
        self, phases: Collection[str] | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[RoomRow]:
        """As the port says."""
        chosen = "" if phases is None else f" AND phase IN ({', '.join('?' for _ in phases)})"
        return await self._rows(
            f"SELECT * FROM rooms WHERE session_id > ?{chosen} ORDER BY session_id LIMIT ?",
            after or "",
            *(phases or ()),
            limit,
        )

    async def due(self, before: Millis) -> Sequence[RoomRow]:
        """As the port says."""
        return await self._rows(
            "SELECT * FROM rooms WHERE next_deadline <= ? ORDER BY next_deadline, session_id", before
        )

    async def unfinished(self) -> Sequence[RoomRow]:
        """As the port says."""
        return await self._rows(
            f"SELECT * FROM rooms WHERE phase IN ({', '.join('?' for _ in UNFINISHED)}) AND NOT cancelled"
            " ORDER BY scheduled_start, session_id",
            *UNFINISHED,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _rows(self, query: str, *values: str | int) -> Sequence[RoomRow]:
        def ask() -> Sequence[RoomRow]:
            return [room_of(row) for row in self._connection.execute(query, values)]

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)
