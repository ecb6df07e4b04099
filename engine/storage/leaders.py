"""Which sessions and series the keys of a team lead: those that they made, or that somebody invited them to.

Also whose a story is that was published without a session. A key that was removed from a session stays in the table, so
that no link brings it back. While servers are updated one after the other, those of the version before add rows that say
neither who made a session nor what is a story alone: they are completed before the table is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from engine.domain.instant import Millis
from engine.storage.database import Connection, Database

__all__ = ["Leaders", "Led", "record_maker", "record_story_owner"]

_Result = TypeVar("_Result")

_STEP: Final = 12
"""The step of the tables whose columns the rows written here fill."""
_ADDED_WITHIN: Final = 60_000
"""Milliseconds after a session was created in which the version before wrote down whose it is, invitations aside."""


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
            _complete(self._connection)
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
            _complete(self._connection)
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
            _complete(self._connection)
            back = "DO UPDATE SET removed_at = NULL" if again else "DO NOTHING"
            self._connection.execute(
                "INSERT INTO leaders (kind, id, key_name, at, step) VALUES ('session', :id, :name, :at, :step)"
                f" ON CONFLICT (kind, id, key_name) {back}",
                id=session_id,
                name=key_name,
                at=at,
                step=_STEP,
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
            _complete(self._connection)
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
            _complete(self._connection)
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
        "INSERT INTO leaders (kind, id, key_name, at, maker, step) VALUES (:kind, :id, :name, :at, 1, :step)"
        " ON CONFLICT (kind, id, key_name) DO UPDATE SET maker = 1, removed_at = NULL, step = excluded.step",
        kind=kind,
        id=id_,
        name=key_name,
        at=at,
        step=_STEP,
    )


def record_story_owner(connection: Connection, session_id: str, key_name: str, at: Millis) -> bool:
    """Make a key the owner of a story without a session, in the caller's transaction; returns whether it is the owner.

    It is not where it is another key's, where something was published with none, or where there is a session.
    """
    _complete(connection)
    connection.execute(
        "INSERT INTO leaders (kind, id, key_name, at, step) SELECT 'story', :id, :name, :at, :step"
        " WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE session_id = :id)"
        " AND NOT EXISTS (SELECT 1 FROM snapshots WHERE session_id = :id) ON CONFLICT DO NOTHING",
        id=session_id,
        name=key_name,
        at=at,
        step=_STEP,
    )
    own = connection.row(
        "SELECT 1 AS one FROM leaders WHERE kind = 'story' AND id = :id AND key_name = :name"
        " AND NOT EXISTS (SELECT 1 FROM rooms WHERE session_id = :id)",
        id=session_id,
        name=key_name,
    )
    return own is not None


def _complete(connection: Connection) -> None:
    """Say of rows that the version before wrote whether they are a maker's, and which are of a story without a session."""
    if (
        not connection.shared
        or connection.row("SELECT 1 AS one FROM leaders WHERE step IS NULL LIMIT 1") is None
    ):
        return
    with connection.transaction():
        # Those alone that are there now: older servers go on writing meanwhile.
        connection.execute("UPDATE leaders SET step = 0 WHERE step IS NULL")
        # It stood there before the session did, or without one: nobody leads a later session of that id by it.
        claimed = (
            "kind = 'session' AND step = 0 AND NOT EXISTS"
            " (SELECT 1 FROM rooms r WHERE r.session_id = leaders.id AND r.created_at <= leaders.at)"
        )
        connection.execute(
            "INSERT INTO leaders (kind, id, key_name, at, step) SELECT 'story', id, key_name, at, :step FROM leaders"
            f" WHERE {claimed} ORDER BY at, key_name ON CONFLICT DO NOTHING",
            step=_STEP,
        )
        connection.execute(f"DELETE FROM leaders WHERE {claimed}")
        connection.execute(
            "UPDATE leaders SET maker = 1 WHERE step = 0 AND (kind = 'series' OR (kind = 'session' AND at <="
            " (SELECT r.created_at + :within FROM rooms r WHERE r.session_id = leaders.id) AND NOT EXISTS"
            " (SELECT 1 FROM leaders o WHERE o.kind = 'session' AND o.id = leaders.id AND o.at < leaders.at)))",
            within=_ADDED_WITHIN,
        )
        connection.execute("UPDATE leaders SET step = :step WHERE step = 0", step=_STEP)
