"""Which sessions and series the keys of a team lead: those that they made, or that somebody invited them to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from engine.domain.instant import Millis
from engine.storage.database import Database

__all__ = ["Leaders", "Led"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Led:
    """What a key leads."""

    sessions: frozenset[str]
    """With those of its series."""
    series: frozenset[str]


class Leaders:
    """The table, used on a thread with a connection of its own. Every method may raise a ``DatabaseError``."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leaders")

    async def led_by(self, key_name: str) -> Led:
        """What a key leads."""

        def read() -> Led:
            rows = self._connection.rows("SELECT kind, id FROM leaders WHERE key_name = :name", name=key_name)
            of_series = self._connection.rows(
                "SELECT r.session_id FROM rooms r JOIN leaders l ON l.id = r.series_id"
                " WHERE l.kind = 'series' AND l.key_name = :name",
                name=key_name,
            )
            sessions = {row["id"] for row in rows if row["kind"] == "session"}
            return Led(
                frozenset(sessions | {row["session_id"] for row in of_series}),
                frozenset(row["id"] for row in rows if row["kind"] == "series"),
            )

        return await self._on_thread(read)

    async def leads(self, key_name: str, session_id: str) -> bool:
        """Whether a key leads a session."""
        return session_id in (await self.led_by(key_name)).sessions

    async def of_session(self, session_id: str) -> list[str]:
        """The names of the keys that made a session or were invited to it."""

        def read() -> list[str]:
            rows = self._connection.rows(
                "SELECT key_name FROM leaders WHERE kind = 'session' AND id = :id ORDER BY at, key_name",
                id=session_id,
            )
            return [row["key_name"] for row in rows]

        return await self._on_thread(read)

    async def add(self, kind: Literal["session", "series"], id_: str, key_name: str, at: Millis) -> None:
        """Let a key lead a session or a series. Repeating it does no harm."""

        def write() -> None:
            self._connection.execute(
                "INSERT INTO leaders (kind, id, key_name, at) VALUES (:kind, :id, :name, :at) ON CONFLICT DO NOTHING",
                kind=kind,
                id=id_,
                name=key_name,
                at=at,
            )

        await self._on_thread(write)

    async def remove(self, session_id: str, key_name: str) -> bool:
        """Let a key lead a session no more; whether it did."""

        def write() -> bool:
            removed = self._connection.execute(
                "DELETE FROM leaders WHERE kind = 'session' AND id = :id AND key_name = :name",
                id=session_id,
                name=key_name,
            )
            return removed == 1

        return await self._on_thread(write)

    def close(self) -> None:
        """Finish what is being done, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _on_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
