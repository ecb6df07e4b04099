"""The catalogue of rooms: read here, written only together with the events that change a room."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from engine.storage.database import Database, Value, one_of
from engine.storage.rows import ROOMS, UNFINISHED, RoomRow
from engine.storage.session_reader import SessionReader

__all__ = ["RoomCatalogue", "RoomRow", "Rooms"]


class RoomCatalogue(Protocol):
    """What the directory and the API ask of the catalogue."""

    async def get(self, session_id: str) -> RoomRow | None:
        """The row of a session, or None."""
        ...

    async def among(self, session_ids: Collection[str]) -> Sequence[RoomRow]:
        """The rows of those of the sessions that there are, some hundreds at most."""
        ...

    async def id_differing_by_case(self, session_id: str) -> str | None:
        """The id of a session that differs from this one by case alone; None without one."""
        ...

    async def has_story(self, session_id: str) -> bool:
        """Whether something was ever published under this id, with a session or without one."""
        ...

    async def stories_among(self, session_ids: Collection[str]) -> Set[str]:
        """Those of the ids, some hundreds at most, under which something was published, with a session or without one."""
        ...

    async def list(
        self, phases: Collection[str] | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[RoomRow]:
        """Rows by ``session_id``, those beyond ``after``; of all phases without ``phases``."""
        ...

    async def unfinished(self) -> Sequence[RoomRow]:
        """Rooms that are neither over nor cancelled, by scheduled start."""
        ...

    async def of_series(self, series_id: str) -> Sequence[RoomRow]:
        """The rooms of a series in any phase, by scheduled start."""
        ...

    async def upcoming(self, limit: int) -> Sequence[RoomRow]:
        """Public rooms that wait or are live, the next first."""
        ...


class Rooms:
    """The catalogue of rooms, read on a thread with a connection of its own.

    Every method may raise a ``DatabaseError``.
    """

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rooms-read")

    async def get(self, session_id: str) -> RoomRow | None:
        """As the port says."""
        rows = await self._rows("SELECT * FROM rooms WHERE session_id = :session_id", session_id=session_id)
        return rows[0] if rows else None

    async def among(self, session_ids: Collection[str]) -> Sequence[RoomRow]:
        """As the port says."""
        if not session_ids:
            return []
        among, values = one_of("id", session_ids)
        return await self._rows(f"SELECT * FROM rooms WHERE session_id IN {among}", **values)

    async def id_differing_by_case(self, session_id: str) -> str | None:
        """As the port says."""
        reader = SessionReader(self._connection)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, reader.id_differing_by_case, session_id
        )

    async def has_story(self, session_id: str) -> bool:
        """As the port says."""
        reader = SessionReader(self._connection)
        return await asyncio.get_running_loop().run_in_executor(self._pool, reader.has_story, session_id)

    async def stories_among(self, session_ids: Collection[str]) -> Set[str]:
        """As the port says."""
        reader = SessionReader(self._connection)
        return await asyncio.get_running_loop().run_in_executor(self._pool, reader.stories_among, session_ids)

    async def list(
        self, phases: Collection[str] | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[RoomRow]:
        """As the port says."""
        if phases is not None and not phases:
            return []
        among, chosen = one_of("phase", phases or ())
        only = f" AND phase IN {among}" if chosen else ""
        return await self._rows(
            f"SELECT * FROM rooms WHERE session_id > :after{only} ORDER BY session_id LIMIT :limit",
            after=after or "",
            limit=limit,
            **chosen,
        )

    async def unfinished(self) -> Sequence[RoomRow]:
        """As the port says."""
        among, phases = one_of("phase", UNFINISHED)
        return await self._rows(
            f"SELECT * FROM rooms WHERE phase IN {among} AND cancelled = 0 ORDER BY scheduled_start, session_id",
            **phases,
        )

    async def of_series(self, series_id: str) -> Sequence[RoomRow]:
        """As the port says."""
        return await self._rows(
            "SELECT * FROM rooms WHERE series_id = :series_id ORDER BY scheduled_start, session_id",
            series_id=series_id,
        )

    async def upcoming(self, limit: int) -> Sequence[RoomRow]:
        """As the port says."""
        return await self._rows(
            "SELECT * FROM rooms WHERE visibility = 'public' AND cancelled = 0"
            " AND phase IN ('scheduled', 'waiting', 'live') ORDER BY scheduled_start, session_id LIMIT :limit",
            limit=limit,
        )

    def close(self) -> None:
        """Finish what is being read, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _rows(self, query: str, **values: Value) -> Sequence[RoomRow]:
        def ask() -> Sequence[RoomRow]:
            return [ROOMS.read(row) for row in self._connection.rows(query, **values)]

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)
