"""The journal in SQLite: one writer thread, and one commit for all that a loop tick staged.

While a commit is on its way to the disk, further ticks queue behind it and share the next one. A
locked database is waited for. A commit that fails for another reason is tried again entry by entry,
once, so that one bad entry fails alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

from engine.storage.database import DatabaseUnusable, connect, is_locked, scrub
from engine.storage.journal import (
    Append,
    Done,
    JournalFailed,
    Loaded,
    Record,
    StalePosition,
    StateSnapshot,
    contiguous,
)
from engine.storage.people import person_of
from engine.storage.rooms import room_of
from engine.storage.writing import record_of, write, write_records, write_rows

__all__ = ["MAX_STAGED", "OnCommit", "SqliteJournal"]

MAX_STAGED = 100_000
"""Entries that may wait for the writer; further ones fail at once instead of eating the memory."""

_REMEMBERED = 100_000

OnCommit: TypeAlias = Callable[[int, float], None]
"""Called on the loop with the entries of a commit and the seconds it took."""

_Staged: TypeAlias = tuple[Append, Done]
_Result = TypeVar("_Result")


class SqliteJournal:
    """The journal in ``halcytone.db``. Construct and use it on the loop that it is given.

    Raises:
        DatabaseUnusable: as ``database.connect``.
    """

    def __init__(
        self, path: Path, loop: asyncio.AbstractEventLoop, on_commit: OnCommit | None = None
    ) -> None:
        self._path = path
        self._loop = loop
        self._on_commit = on_commit
        self._staged: list[_Staged] = []
        self._unfinished = 0
        self._closing = False
        self._written: dict[str, int] = {}
        """Where this writer left each session."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._queue: SimpleQueue[list[_Staged] | None] = SimpleQueue()
        self._connection = connect(path)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="journal-read")
        self._writer = threading.Thread(target=self._write_until_closed, name="journal-write", daemon=True)
        self._writer.start()

    def append(self, entry: Append, done: Done) -> None:
        """As the port says."""
        refused = "the journal is closed" if self._closing else None
        if self._unfinished >= MAX_STAGED:
            refused = "the journal cannot keep up"
        if refused:
            self._loop.call_soon(done, JournalFailed(refused))
            return
        if not self._staged:
            self._loop.call_soon(self._flush)
        self._staged.append((entry, done))
        self._unfinished += 1
        self._idle.clear()

    @property
    def depth(self) -> int:
        """Entries that are staged or on their way to the disk."""
        return self._unfinished

    async def read(self, session_id: str, after_position: int) -> list[Record]:
        """As the port says."""
        return await self._reading(lambda connection: _read(connection, session_id, after_position))

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        """As the port says."""
        return await self._reading(
            lambda connection: _read_numbered(connection, session_id, after_seq, limit)
        )

    async def latest(self, session_id: str) -> int:
        """As the port says."""
        return await self._reading(lambda connection: _latest(connection, session_id))

    async def load(self, session_id: str) -> Loaded | None:
        """As the port says."""
        return await self._reading(lambda connection: _load(connection, session_id))

    async def close(self) -> None:
        """As the port says. A database that stays locked for one more timeout is given up."""
        if self._closing:
            return
        self._flush()
        self._closing = True
        await self._idle.wait()
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        self._pool.shutdown(wait=True)
        for connection in (*self._readers, self._connection):
            connection.close()

    def _flush(self) -> None:
        if self._staged:
            self._queue.put(self._staged)
            self._staged = []

    def _write_until_closed(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._write(batch)
            # Not kept until the next one comes: its answers hold on to whoever waited for them.
            del batch

    def _write(self, batch: list[_Staged]) -> None:
        while not self._queue.empty():
            more = self._queue.get()
            if more is None:
                break
            batch.extend(more)
        began = time.perf_counter()
        outcomes = self._commit([entry for entry, _ in batch])
        if any(change.row is None for entry, _ in batch for change in entry.people):
            # Somebody withdrew: what they took back is not to stand in the log beside the file.
            scrub(self._connection)
        seconds = time.perf_counter() - began
        self._loop.call_soon_threadsafe(self._committed, batch, outcomes, seconds)

    def _committed(
        self, batch: Sequence[_Staged], outcomes: Sequence[BaseException | None], seconds: float
    ) -> None:
        self._unfinished -= len(batch)
        if not self._unfinished:
            self._idle.set()
        if self._on_commit is not None:
            self._on_commit(len(batch), seconds)
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            try:
                done(outcome)
            except Exception as error:  # noqa: BLE001  # one session's failure must not silence the others
                self._loop.call_exception_handler({"message": "a commit was not taken", "exception": error})

    def _commit(self, entries: Sequence[Append]) -> list[BaseException | None]:
        try:
            return self._transact(entries)
        except Exception as error:  # noqa: BLE001  # whatever it is, every `done` must hear of it
            failed: BaseException = JournalFailed(_reason(error))
            if len(entries) == 1 or is_locked(error):
                return [failed] * len(entries)
        return [outcome for entry in entries for outcome in self._commit([entry])]

    def _transact(self, entries: Sequence[Append]) -> list[BaseException | None]:
        connection = self._connection
        while True:
            outcomes: list[BaseException | None] = []
            try:
                connection.execute("BEGIN IMMEDIATE")
                if self._follows(entries):
                    write_records(connection, entries)
                    for entry in entries:
                        write_rows(connection, entry)
                    outcomes.extend([None] * len(entries))
                else:
                    for entry in entries:
                        try:
                            write(connection, entry)
                        except StalePosition as stale:
                            outcomes.append(stale)
                        else:
                            outcomes.append(None)
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.IntegrityError) and self._written:
                    # Somebody else has written: look where each log stands before saying so.
                    self._written.clear()
                    continue
                # A lock is waited for, as long as anybody is there to wait.
                if not is_locked(error) or self._closing:
                    raise
            else:
                if len(self._written) > _REMEMBERED:
                    self._written.clear()
                for entry, outcome in zip(entries, outcomes, strict=True):
                    if outcome is None and entry.records:
                        self._written[entry.session_id] = entry.records[-1].position
                return outcomes

    def _follows(self, entries: Sequence[Append]) -> bool:
        """Whether every entry goes on where this writer left its session: then the log need not be asked.

        Had another owner written meanwhile, its positions would be the ones that these records take. Rows of people
        that come without a record would take none: for them the log is asked.
        """
        written: dict[str, int] = {}
        for entry in entries:
            latest = written.get(entry.session_id, self._written.get(entry.session_id))
            if latest != entry.expected or (entry.people and not entry.records):
                return False
            if entry.records:
                written[entry.session_id] = entry.records[-1].position
        return True

    async def _reading(self, question: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            return await self._loop.run_in_executor(self._pool, lambda: question(self._reader()))
        except (sqlite3.Error, DatabaseUnusable) as error:
            raise JournalFailed(_reason(error)) from error
        except RuntimeError as error:
            # The pool refuses work after its shutdown, and says so with nothing more precise.
            raise JournalFailed("the journal is closed") from error

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path)
            self._readers.append(connection)
        return connection


def _reason(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return "the disk is full"
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"the database file is damaged ({error})"
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"the database file cannot be written ({error})"
    if primary == sqlite3.SQLITE_IOERR:
        return f"the disk refused ({error})"
    return str(error)


def _read(connection: sqlite3.Connection, session_id: str, after: int) -> list[Record]:
    rows = connection.execute(
        "SELECT position, seq, at, event FROM journal WHERE session_id = ? AND position > ? ORDER BY position",
        (session_id, after),
    )
    return [record_of(row) for row in rows]


def _read_numbered(connection: sqlite3.Connection, session_id: str, after: int, limit: int) -> list[Record]:
    # Newest first along the primary key: `seq` rises with the position, so no index of its own is needed,
    # and a position is never below the number of the message it holds.
    rows = connection.execute(
        "SELECT position, seq, at, event FROM journal"
        " WHERE session_id = ? AND position > ? AND seq > ? ORDER BY position DESC LIMIT ?",
        (session_id, after, after, limit),
    )
    return [record_of(row) for row in rows][::-1]


def _latest(connection: sqlite3.Connection, session_id: str) -> int:
    row = connection.execute(
        "SELECT max(position) FROM journal WHERE session_id = ?", (session_id,)
    ).fetchone()
    return int(row[0] or 0)


def _load(connection: sqlite3.Connection, session_id: str) -> Loaded | None:
    # One read transaction: all of it is of the same moment.
    connection.execute("BEGIN")
    try:
        room = connection.execute("SELECT * FROM rooms WHERE session_id = ?", (session_id,)).fetchone()
        latest = _latest(connection, session_id)
        if room is None and latest == 0:
            return None
        state = connection.execute(
            "SELECT position, state FROM state_snapshots WHERE session_id = ?", (session_id,)
        ).fetchone()
        after = state["position"] if state else 0
        records, hole = contiguous(_read(connection, session_id, after), after)
        people = connection.execute(
            "SELECT * FROM people WHERE session_id = ? ORDER BY client_id", (session_id,)
        ).fetchall()
        ids = connection.execute(
            "SELECT event_id FROM event_ids WHERE session_id = ?", (session_id,)
        ).fetchall()
    finally:
        connection.execute("ROLLBACK")
    return Loaded(
        records=records,
        latest=latest,
        state=StateSnapshot(state["position"], state["state"]) if state else None,
        people=tuple(person_of(row) for row in people),
        room=room_of(room) if room else None,
        event_ids=frozenset(row["event_id"] for row in ids),
        hole=hole,
    )
