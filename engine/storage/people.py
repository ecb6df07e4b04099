"""The table of people: names, consents, addresses, opinions; what a person withdraws goes from here.

Rows come with the events that make them (``Append.people``). ``People`` reads them, and removes those
whose time is over.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

from engine.domain.instant import Millis
from engine.storage.database import connect
from engine.storage.redaction import redact_ended
from engine.storage.rows import PersonChange, PersonRow

__all__ = ["People", "PersonChange", "PersonRow", "person_of"]

_NAMES = tuple(field.name for field in fields(PersonRow))


def person_of(row: sqlite3.Row) -> PersonRow:
    """A person from their row."""
    values = {name: row[name] for name in _NAMES}
    for flag in ("publish_quote", "publish_name", "vouched"):
        values[flag] = bool(values[flag])
    return PersonRow(**values)


class People:
    """The table in the database file, on a thread of its own.

    Every verb raises ``sqlite3.Error`` when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="people")

    async def get(self, session_id: str, client_id: str) -> PersonRow | None:
        """One person's row, or None: never there, withdrawn, or past retention."""
        rows = await self._rows(
            "SELECT * FROM people WHERE session_id = ? AND client_id = ?", session_id, client_id
        )
        return rows[0] if rows else None

    async def of(self, session_id: str) -> Sequence[PersonRow]:
        """Everybody of a session, by ``client_id``."""
        return await self._rows("SELECT * FROM people WHERE session_id = ? ORDER BY client_id", session_id)

    async def forget(self, ended_before: Millis) -> int:
        """Remove the rows of sessions that ended before an instant, and what people wrote there to everybody.

        Returns how many rows went.
        """

        def delete() -> int:
            redact_ended(self._connection, ended_before)
            return self._connection.execute(
                "DELETE FROM people WHERE session_id IN (SELECT session_id FROM rooms WHERE ended_at < ?)",
                (ended_before,),
            ).rowcount

        return await asyncio.get_running_loop().run_in_executor(self._pool, delete)

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _rows(self, query: str, *values: str) -> Sequence[PersonRow]:
        def ask() -> Sequence[PersonRow]:
            return [person_of(row) for row in self._connection.execute(query, values)]

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)
