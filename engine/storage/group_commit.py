"""One writer thread, and one commit for all that a loop tick staged: what journals on a database share.

While a commit is under way, further ticks queue behind it and share the next one. A commit that fails is tried again
entry by entry, once, so that one bad entry fails alone.
A little long: the queue, its writer and the connections that read are opened and closed together.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

from engine.storage.append_rows import record_of
from engine.storage.database import (
    Connection,
    DatabaseError,
    DatabaseLocked,
    DatabaseLost,
    Row,
    one_of,
)
from engine.storage.journal import Append, Done, JournalFailed, Loaded, Record, StateSnapshot, contiguous
from engine.storage.rows import PEOPLE, ROOMS

__all__ = ["MAX_STAGED", "GroupCommitJournal", "OnCommit"]

MAX_STAGED = 100_000
"""Entries that may wait for the writer; further ones fail at once instead of eating the memory."""

_CLOSED = "the journal is closed"
_REMEMBERED = 100_000
_READERS = 2
_LOADED_AT_ONCE = 25
"""Sessions that are read together: what they hold is in memory twice for a moment."""
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
        self._to_load: dict[str, asyncio.Future[Loaded | None]] = {}
        """What was asked for and is not being read yet."""
        self._loading: set[asyncio.Task[None]] = set()
        self._written: dict[str, int] = {}
        """Where this writer left each session."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._queue: SimpleQueue[list[_Staged] | None] = SimpleQueue()
        self._connection = connect()
        self._local = threading.local()
        self._readers: list[_Connection] = []
        self._pool = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="journal-read")
        self._writer = threading.Thread(target=self._write_until_closed, name="journal-write", daemon=True)
        self._writer.start()

    def append(self, entry: Append, done: Done) -> None:
        """As the port says."""
        refused = _CLOSED if self._closing else None
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
        """As the port says. Sessions that are asked for in one loop tick, or while others are read, are read together."""
        if self._closing:
            raise JournalFailed(_CLOSED)
        if not self._to_load:
            self._loop.call_soon(self._load_together)
        loading = self._to_load.get(session_id)
        if loading is None:
            loading = self._to_load[session_id] = self._loop.create_future()
        return await asyncio.shield(loading)

    def _load_together(self) -> None:
        while self._to_load and len(self._loading) < _READERS:
            group = dict(islice(self._to_load.items(), _LOADED_AT_ONCE))
            for session_id in group:
                del self._to_load[session_id]
            reading = self._loop.create_task(self._load_group(group))
            self._loading.add(reading)
            reading.add_done_callback(self._group_loaded)

    def _group_loaded(self, reading: asyncio.Task[None]) -> None:
        self._loading.discard(reading)
        self._load_together()

    async def _load_group(self, wanted: Mapping[str, asyncio.Future[Loaded | None]]) -> None:
        try:
            found = await self._reading(lambda connection: self._loaded(connection, list(wanted)))
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever waits must hear of it
            if len(wanted) > 1 and not isinstance(error.__cause__, DatabaseLocked | DatabaseLost):
                # One that cannot be read must not keep the others from being read. A lock keeps all of them.
                for session_id, loading in wanted.items():
                    await self._load_group({session_id: loading})
                return
            for loading in wanted.values():
                loading.set_exception(error)
                loading.exception()  # Known: whoever asked may be gone by now.
        else:
            for session_id, loading in wanted.items():
                loading.set_result(found.get(session_id))

    def _loaded(self, connection: _Connection, session_ids: Sequence[str]) -> dict[str, Loaded]:
        """What is loaded of those of the sessions that somebody created, on one of the threads that read."""
        return _load(connection, session_ids)

    async def close(self) -> None:
        """As the port says. A database that stays locked or away for a few seconds is given up."""
        if self._closing:
            return
        self._flush()
        self._closing = True
        for loading in self._to_load.values():
            loading.set_exception(JournalFailed(_CLOSED))
            loading.exception()  # Known: whoever asked may be gone by now.
        self._to_load.clear()
        try:
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._until_still()
        except TimeoutError:
            self._give_up()
            await self._until_still()
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        for connection in (*self._readers, self._connection):
            connection.close()

    async def _until_still(self) -> None:
        """Return once all that was staged is answered, and nothing is being read."""
        await self._idle.wait()
        if self._loading:
            # It cancels none of them where it is cancelled itself.
            await asyncio.wait(self._loading)
        await self._loop.run_in_executor(None, self._pool.shutdown)

    @abstractmethod
    def _transact(self, entries: Sequence[Append]) -> list[BaseException | None]:
        """Make the entries durable, in order; each is refused by itself. Runs on the writer's thread.

        Raises:
            DatabaseError: none of them is.
        """

    def _give_up(self) -> None:
        """Called on the loop when what is under way takes too long: let it be refused, if it can."""

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
        if any(_deletes(entry) for entry, _ in batch):
            # What was committed is told whatever becomes of that: the next that deletes does it again.
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
            raise JournalFailed(_CLOSED) from error

    def _reader(self) -> _Connection:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection


def _deletes(entry: Append) -> bool:
    """Whether somebody withdrew, or chat messages were deleted: what they said is not to stay in the write-ahead log."""
    return bool(entry.deleted) or any(change.row is None for change in entry.people)


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


def _load(connection: Connection, session_ids: Sequence[str]) -> dict[str, Loaded]:
    among, ids = one_of("id", session_ids)
    listed = ", ".join(f"(:{name})" for name in ids)
    # One read transaction: all of it is of the same moment.
    with connection.reading():
        rooms = connection.rows(f"SELECT * FROM rooms WHERE session_id IN {among}", **ids)
        # Each by itself: the highest position stands at the end of its session's part of the primary key.
        latest = connection.rows(
            "SELECT column1 AS session_id, (SELECT max(position) FROM journal WHERE session_id = column1) AS latest"
            f" FROM (VALUES {listed}) AS wanted",
            **ids,
        )
        states = connection.rows(
            f"SELECT session_id, position, state FROM state_snapshots WHERE session_id IN {among}", **ids
        )
        records = connection.rows(
            "SELECT journal.session_id, journal.position, seq, at, event"
            f" FROM (VALUES {listed}) AS wanted"
            " LEFT JOIN state_snapshots ON state_snapshots.session_id = column1"
            " JOIN journal ON journal.session_id = column1"
            " AND journal.position > coalesce(state_snapshots.position, 0)"
            " ORDER BY journal.session_id, journal.position",
            **ids,
        )
        people = connection.rows(
            f"SELECT * FROM people WHERE session_id IN {among} ORDER BY session_id, client_id", **ids
        )
        event_ids = connection.rows(
            f"SELECT session_id, event_id FROM event_ids WHERE session_id IN {among}", **ids
        )
    room_of = {row["session_id"]: ROOMS.read(row) for row in rooms}
    state_of = {row["session_id"]: StateSnapshot(row["position"], row["state"]) for row in states}
    records_of, people_of, event_ids_of = _by_session(records), _by_session(people), _by_session(event_ids)
    loaded: dict[str, Loaded] = {}
    for row in latest:
        session_id = row["session_id"]
        room, state = room_of.get(session_id), state_of.get(session_id)
        if room is None and row["latest"] is None:
            continue
        followed, hole = contiguous(
            [record_of(each) for each in records_of[session_id]], state.position if state else 0
        )
        loaded[session_id] = Loaded(
            records=followed,
            latest=row["latest"] or 0,
            state=state,
            people=tuple(PEOPLE.read(each) for each in people_of[session_id]),
            room=room,
            event_ids=frozenset(each["event_id"] for each in event_ids_of[session_id]),
            hole=hole,
        )
    return loaded


def _by_session(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    sorted_: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sorted_[row["session_id"]].append(row)
    return sorted_
