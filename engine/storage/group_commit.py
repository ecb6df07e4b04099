"""One writer thread, and one commit for all that a loop tick staged: what journals on a database share.

While a commit is under way, further ticks queue behind it and share the next one. A commit that fails is tried again
entry by entry, once, so that one bad entry fails alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

from engine.storage.database import Connection, DatabaseError, DatabaseLocked, DatabaseLost
from engine.storage.journal import Append, Done, JournalFailed, Loaded, Record, StateSnapshot, contiguous
from engine.storage.rows import PEOPLE, ROOMS
from engine.storage.writing import latest_position, record_of, records_between

__all__ = ["MAX_STAGED", "GroupCommitJournal", "OnCommit"]

MAX_STAGED = 100_000
"""Entries that may wait for the writer; further ones fail at once instead of eating the memory."""

_REMEMBERED = 100_000
_CLOSE_WITHIN_S = 3.0
"""What a drain gives the journal: less than it has in all."""

OnCommit: TypeAlias = Callable[[int, float], None]
"""Called on the loop with the entries of a commit and the seconds it took."""

_Staged: TypeAlias = tuple[Append, Done]
_Result = TypeVar("_Result")
_Connection = TypeVar("_Connection", bound=Connection)


class GroupCommitJournal(ABC, Generic[_Connection]):
    """A ``Journal`` whose subclass writes batches. Construct and use it on the loop that it is given.

    ``connect`` opens the connections: one for the writer's thread, at most two for reading.
    """

    def __init__(
        self,
        connect: Callable[[], _Connection],
        loop: asyncio.AbstractEventLoop,
        on_commit: OnCommit | None = None,
    ) -> None:
        self.node: str | None = None
        """The node whose entries are written, where several share the database: each entry is refused unless that
        node lives and owns its session in the entry's term. None: there is one server, which owns them all."""
        self._connect = connect
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
        self._connection = connect()
        self._local = threading.local()
        self._readers: list[_Connection] = []
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

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        """As the port says."""
        return await self._reading(
            lambda connection: _read_numbered(connection, session_id, after_seq, limit)
        )

    async def load(self, session_id: str) -> Loaded | None:
        """As the port says."""
        return await self._reading(lambda connection: self._loaded(connection, session_id))

    def _loaded(self, connection: _Connection, session_id: str) -> Loaded | None:
        """What is loaded of a session, on one of the threads that read."""
        return _load(connection, session_id)

    async def close(self) -> None:
        """As the port says. A database that stays locked or away for a few seconds is given up."""
        if self._closing:
            return
        self._flush()
        self._closing = True
        try:
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._idle.wait()
        except TimeoutError:
            self._give_up()
            await self._idle.wait()
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        self._pool.shutdown(wait=True)
        for connection in (*self._readers, self._connection):
            connection.close()

    @abstractmethod
    def _transact(self, entries: Sequence[Append]) -> list[BaseException | None]:
        """Make the entries durable, in order; each is refused by itself. Runs on the writer's thread.

        Raises:
            DatabaseError: none of them is.
        """

    def _give_up(self) -> None:
        """Called on the loop when the last entries take too long: let those be refused that cannot be written."""

    def _finish_writing(self) -> None:
        """Called once on the writer's thread, after the last batch."""

    def _flush(self) -> None:
        if self._staged:
            self._queue.put(self._staged)
            self._staged = []

    def _write_until_closed(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._write(batch)
            # Not kept until the next one comes: its answers hold on to whoever waited for them.
            del batch
        self._finish_writing()

    def _write(self, batch: list[_Staged]) -> None:
        while not self._queue.empty():
            more = self._queue.get()
            if more is None:
                break
            batch.extend(more)
        began = time.perf_counter()
        outcomes = self._commit([entry for entry, _ in batch])
        if any(change.row is None for entry, _ in batch for change in entry.people):
            # Somebody withdrew: what they took back is not to stay in the write-ahead log.
            # What was committed is told whatever becomes of that: the next withdrawal, and retention, do it again.
            with suppress(DatabaseError):
                self._connection.discard_deleted()
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
            failed: BaseException = JournalFailed(str(error))
            if len(entries) == 1 or isinstance(error, DatabaseLocked | DatabaseLost):
                return [failed] * len(entries)
        return [outcome for entry in entries for outcome in self._commit([entry])]

    def _remember(self, entry: Append) -> None:
        """Note that the log of a session stands where this entry, which was written, left it."""
        if len(self._written) > _REMEMBERED:
            self._written.clear()
        if entry.records:
            self._written[entry.session_id] = entry.records[-1].position

    async def _reading(self, question: Callable[[_Connection], _Result]) -> _Result:
        try:
            return await self._loop.run_in_executor(self._pool, lambda: question(self._reader()))
        except DatabaseError as error:
            raise JournalFailed(str(error)) from error
        except RuntimeError as error:
            # The pool refuses work after its shutdown, and says so with nothing more precise.
            raise JournalFailed("the journal is closed") from error

    def _reader(self) -> _Connection:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection


def _read_numbered(connection: Connection, session_id: str, after: int, limit: int) -> list[Record]:
    # Newest first along the primary key: `seq` rises with the position, so no index of its own is needed,
    # and a position is never below the number of the message it holds.
    rows = connection.rows(
        "SELECT position, seq, at, event FROM journal"
        " WHERE session_id = :id AND position > :after AND seq > :after ORDER BY position DESC LIMIT :limit",
        id=session_id,
        after=after,
        limit=limit,
    )
    return [record_of(row) for row in reversed(rows)]


def _load(connection: Connection, session_id: str) -> Loaded | None:
    # One read transaction: all of it is of the same moment.
    with connection.reading():
        room = connection.row("SELECT * FROM rooms WHERE session_id = :id", id=session_id)
        latest = latest_position(connection, session_id)
        if room is None and latest == 0:
            return None
        state = connection.row(
            "SELECT position, state FROM state_snapshots WHERE session_id = :id", id=session_id
        )
        after = state["position"] if state else 0
        records, hole = contiguous(records_between(connection, session_id, after + 1, latest), after)
        people = connection.rows(
            "SELECT * FROM people WHERE session_id = :id ORDER BY client_id", id=session_id
        )
        ids = connection.rows("SELECT event_id FROM event_ids WHERE session_id = :id", id=session_id)
    return Loaded(
        records=records,
        latest=latest,
        state=StateSnapshot(state["position"], state["state"]) if state else None,
        people=tuple(PEOPLE.read(row) for row in people),
        room=ROOMS.read(room) if room else None,
        event_ids=frozenset(row["event_id"] for row in ids),
        hole=hole,
    )
