"""The table of people: names, consents, addresses, feedback; what a person withdraws goes from here.

Rows come with the events that make them (``Append.people``). ``People`` reads them, and removes those
past retention.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.domain.instant import Millis
from engine.storage.database import Database, Value
from engine.storage.redaction import redact_ended
from engine.storage.rows import PEOPLE, PersonChange, PersonRow

__all__ = ["People", "PersonChange", "PersonRow"]


class People:
    """The people of every session, read on a thread with a connection of its own.

    Every method may raise a ``DatabaseError``.
    """

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="people")

    async def get(self, session_id: str, client_id: str) -> PersonRow | None:
        """One person's row, or None: never there, withdrawn, or past retention."""
        rows = await self._rows(
            "SELECT * FROM people WHERE session_id = :session_id AND client_id = :client_id",
            session_id=session_id,
            client_id=client_id,
        )
        return rows[0] if rows else None

    async def of(self, session_id: str) -> Sequence[PersonRow]:
        """Everybody of a session, by ``client_id``."""
        return await self._rows(
            "SELECT * FROM people WHERE session_id = :session_id ORDER BY client_id", session_id=session_id
        )

    async def forget(self, ended_before: Millis) -> int:
        """Remove the rows of sessions that ended before an instant, and the chat messages in their logs.

        Returns how many rows went.
        """

        def delete() -> int:
            redact_ended(self._connection, ended_before)
            return self._connection.execute(
                "DELETE FROM people WHERE session_id IN (SELECT session_id FROM rooms WHERE ended_at < :before)",
                before=ended_before,
            )

        return await asyncio.get_running_loop().run_in_executor(self._pool, delete)

    def close(self) -> None:
        """Finish what is being read, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _rows(self, query: str, **values: Value) -> Sequence[PersonRow]:
        def ask() -> Sequence[PersonRow]:
            return [PEOPLE.read(row) for row in self._connection.rows(query, **values)]

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)
