"""The journal in SQLite: every batch is one transaction of the writer's thread.

A locked database is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from engine.storage.append_rows import latest_position, write_checked, write_rows
from engine.storage.database import ConstraintViolated, DatabaseLocked, Value
from engine.storage.group_commit import GroupCommitJournal, OnCommit
from engine.storage.journal import Append, StalePosition
from engine.storage.sqlite import SqliteConnection, SqliteDatabase

__all__ = ["SqliteJournal"]

_CACHE_KIB = 16 * 1024
"""Every page that a commit of hundreds of sessions touches."""

_INSERT = "INSERT INTO journal (session_id, position, seq, at, event) VALUES (?, ?, ?, ?, ?)"


class SqliteJournal(GroupCommitJournal[SqliteConnection]):
    """The journal in ``halcytone.db``. Construct and use it on the loop that it is given.

    Raises:
        DatabaseUnusable: as ``Database.connect``.
    """

    def __init__(
        self, database: SqliteDatabase, loop: asyncio.AbstractEventLoop, on_commit: OnCommit | None = None
    ) -> None:
        super().__init__(partial(database.connect, cache_kib=_CACHE_KIB), loop, on_commit)

    def _transact(self, entries: Sequence[Append]) -> list[BaseException | None]:
        connection = self._connection
        while True:
            outcomes: list[BaseException | None] = []
            try:
                connection.begin()
                if self._follows(entries):
                    _write_records(connection, entries)
                    for entry in entries:
                        write_rows(connection, entry)
                    outcomes.extend([None] * len(entries))
                else:
                    for entry in entries:
                        try:
                            write_checked(connection, entry)
                        except StalePosition as stale:
                            self._written.pop(entry.session_id, None)
                            outcomes.append(stale)
                        else:
                            outcomes.append(None)
                connection.commit()
            except BaseException as error:
                connection.rollback()
                if isinstance(error, ConstraintViolated) and self._written:
                    # Somebody else has written: look where each log stands before saying so.
                    self._written.clear()
                    continue
                # A lock is waited for, as long as anybody is there to wait.
                if not isinstance(error, DatabaseLocked) or self._closing:
                    raise
            else:
                for entry, outcome in zip(entries, outcomes, strict=True):
                    if outcome is None:
                        self._remember(entry)
                return outcomes

    def _follows(self, entries: Sequence[Append]) -> bool:
        """Whether every entry goes on where this writer left its session: then the log need not be read for records.

        Had another owner written meanwhile, its positions would be the ones that these records take. Rows without
        records take no position, so that for them the log is asked, under the transaction's lock.
        """
        written: dict[str, int] = {}
        for entry in entries:
            session_id = entry.session_id
            if written.get(session_id, self._written.get(session_id)) != entry.expected:
                return False
            if entry.records:
                written[session_id] = entry.records[-1].position
            elif (
                session_id not in written and latest_position(self._connection, session_id) != entry.expected
            ):
                return False
        return True


def _write_records(connection: SqliteConnection, entries: Sequence[Append]) -> None:
    """Write the records of many entries at once.

    Raises:
        ConstraintViolated: a position is taken: somebody else owns that session.
    """
    rows: list[tuple[Value, ...]] = [
        (entry.session_id, record.position, record.seq, record.at, record.event)
        for entry in entries
        for record in entry.records
    ]
    connection.write_tuples(_INSERT, rows)
