"""Which sessions and series the keys of a team lead: those that they made, or that somebody invited them to.

Also whose a story is that was published without a session. A key that was removed from a session stays in the table, so
that no link brings it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from engine.domain.instant import Millis
from engine.storage.database import Connection, Database

__all__ = ["Leaders", "Led", "record_maker", "record_teller"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Led:
    """What a key leads."""

    sessions: frozenset[str]
    """With those of its series."""
    series: frozenset[str]
    stories: frozenset[str]
    """Published with the key under ids of which there is no session."""


class Leaders:
    """The table, used on a thread with a connection of its own. Every method may raise a ``DatabaseError``."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leaders")

    async def led_by(self, key_name: str) -> Led:
        """What a key leads."""

        def read() -> Led:
            rows = self._connection.rows(
                "SELECT kind, id FROM leaders WHERE key_name = :name AND removed_at IS NULL"
                # Where there is a session, its story is theirs who lead it.
                " AND NOT (kind = 'story' AND EXISTS (SELECT 1 FROM rooms r WHERE r.session_id = leaders.id))",
                name=key_name,
            )
            of_series = self._connection.rows(
                "SELECT r.session_id FROM rooms r JOIN leaders l ON l.id = r.series_id"
                " WHERE l.kind = 'series' AND l.key_name = :name AND l.removed_at IS NULL",
                name=key_name,
            )
            sessions = {row["id"] for row in rows if row["kind"] == "session"}
            return Led(
                frozenset(sessions | {row["session_id"] for row in of_series}),
                frozenset(row["id"] for row in rows if row["kind"] == "series"),
                frozenset(row["id"] for row in rows if row["kind"] == "story"),
            )

        return await self._on_thread(read)

    async def leads(self, key_name: str, session_id: str) -> bool:
        """Whether a key leads a session."""
        return session_id in (await self.led_by(key_name)).sessions

    async def of_session(self, session_id: str) -> list[str]:
        """The names of the keys that made a session or its series, or were invited to it."""

        def read() -> list[str]:
            rows = self._connection.rows(
                "SELECT key_name FROM leaders WHERE removed_at IS NULL AND ((kind = 'session' AND id = :id)"
                " OR (kind = 'series' AND id = (SELECT series_id FROM rooms WHERE session_id = :id)))"
                " ORDER BY at, key_name",
                id=session_id,
            )
            return list(dict.fromkeys(row["key_name"] for row in rows))

        return await self._on_thread(read)

    async def invite(self, session_id: str, key_name: str, at: Millis, *, again: bool) -> bool:
        """Let a key lead a session too; repeating it does no harm. Returns whether it leads it now.

        One that was removed leads it again only with ``again``.
        """

        def write() -> bool:
            back = "DO UPDATE SET removed_at = NULL" if again else "DO NOTHING"
            self._connection.execute(
                "INSERT INTO leaders (kind, id, key_name, at) VALUES ('session', :id, :name, :at)"
                f" ON CONFLICT (kind, id, key_name) {back}",
                id=session_id,
                name=key_name,
                at=at,
            )
            return (
                self._connection.row(
                    "SELECT 1 AS one FROM leaders WHERE kind = 'session' AND id = :id AND key_name = :name"
                    " AND removed_at IS NULL",
                    id=session_id,
                    name=key_name,
                )
                is not None
            )

        return await self._on_thread(write)

    async def made(self, session_id: str, key_name: str) -> bool:
        """Whether a key made a session, or its series."""

        def read() -> bool:
            row = self._connection.row(
                "SELECT 1 AS one FROM leaders WHERE key_name = :name AND maker = 1 AND removed_at IS NULL"
                " AND ((kind = 'session' AND id = :id)"
                " OR (kind = 'series' AND id = (SELECT series_id FROM rooms WHERE session_id = :id)))",
                id=session_id,
                name=key_name,
            )
            return row is not None

        return await self._on_thread(read)

    async def remove(self, session_id: str, key_name: str, at: Millis) -> bool:
        """Let a key lead a session no more, which is remembered; whether it did."""

        def write() -> bool:
            removed = self._connection.execute(
                "UPDATE leaders SET removed_at = :at WHERE kind = 'session' AND id = :id AND key_name = :name"
                " AND removed_at IS NULL",
                at=at,
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


def record_maker(
    connection: Connection, kind: Literal["session", "series"], id_: str, key_name: str, at: Millis
) -> None:
    """Let the key lead what is made with it, in the caller's transaction."""
    connection.execute(
        "INSERT INTO leaders (kind, id, key_name, at, maker) VALUES (:kind, :id, :name, :at, 1)"
        " ON CONFLICT (kind, id, key_name) DO UPDATE SET maker = 1, removed_at = NULL",
        kind=kind,
        id=id_,
        name=key_name,
        at=at,
    )


def record_teller(connection: Connection, session_id: str, key_name: str, at: Millis) -> bool:
    """Let the story of an id without a session be the key's, in the caller's transaction; whether it is.

    It is not where it is another key's, where something was published with none, or where there is a session.
    """
    connection.execute(
        "INSERT INTO leaders (kind, id, key_name, at) SELECT 'story', :id, :name, :at"
        " WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE session_id = :id)"
        " AND NOT EXISTS (SELECT 1 FROM snapshots WHERE session_id = :id) ON CONFLICT DO NOTHING",
        id=session_id,
        name=key_name,
        at=at,
    )
    own = connection.row(
        "SELECT 1 AS one FROM leaders WHERE kind = 'story' AND id = :id AND key_name = :name"
        " AND NOT EXISTS (SELECT 1 FROM rooms WHERE session_id = :id)",
        id=session_id,
        name=key_name,
    )
    return own is not None
