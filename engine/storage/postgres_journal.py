"""The journal in PostgreSQL: a batch is one statement, sent by asyncpg from the writer's own thread and loop.

An entry that must read before it writes (a withdrawal, a story), and every entry after a doubt (a conflict, a lost
connection), goes alone in a transaction through the port, in its place in the order. A database that is away is
waited for: nothing is acknowledged meanwhile and nothing is lost. There is no timeout on a statement: one that was
cut off may have been carried out, and "the same again" would then acknowledge what no standby has.
One module, although a long one: after a lost connection every step asks how far those before it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from itertools import dropwhile, groupby
from typing import Any, NamedTuple, TypeVar

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from engine.domain.instant import Millis
from engine.storage.acknowledged_tail import KEPT_S, AcknowledgedTail
from engine.storage.append_rows import is_written, latest_position, record_of, write_checked
from engine.storage.database import (
    ConstraintViolated,
    DatabaseError,
    DatabaseLocked,
    DatabaseLost,
    Value,
    one_of,
)
from engine.storage.group_commit import GroupCommitJournal, OnCommit
from engine.storage.journal import (
    Append,
    DeletedMessages,
    JournalFailed,
    Loaded,
    NotOwner,
    Record,
    StalePosition,
)
from engine.storage.postgres import PostgresConnection, PostgresDatabase
from engine.storage.rows import PEOPLE, ROOMS, PersonChange

__all__ = ["PostgresJournal"]

_SHORTEST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_CONNECT_WITHIN_S = 3.0
_DEAD_PEER_MS = 3000
_MOST_TAKEN_OVER = 1000
_REACH_STANDBYS = "SELECT pg_logical_emit_message(true, 'halcytone', '')"
"""Writes into the write-ahead log, so that the commit waits for the disk and for synchronous standbys.

Records that are found there may be a commit that was cut off while it waited: they can be read, and a standby that is
promoted does not have them. Once a later commit has reached it, they have too.
"""

# Only a roll-back makes a term lower. A node that is none any more breaks the foreign key, and joins anew.
_TAKE_BACK = (
    "INSERT INTO owners (session_id, node, term) SELECT mine.session_id, $1, mine.term"
    " FROM unnest($2::text[], $3::bigint[]) AS mine(session_id, term), nodes WHERE nodes.node = $1"
    " ON CONFLICT (session_id) DO UPDATE SET node = excluded.node, term = excluded.term, tail_lost = NULL"
    " WHERE owners.term < excluded.term"
)
_LATEST = "SELECT session_id, max(position) AS latest FROM journal WHERE session_id = ANY($1::text[]) GROUP BY session_id"

_LOST = (
    asyncpg.PostgresConnectionError,
    # The server ends, or ended the statement: perhaps when it was committed, and waited for a standby.
    asyncpg.OperatorInterventionError,
    # It is a standby now, or takes no writes for a while.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    # The server's farewell was read, and the end of the connection not yet.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""After these it is not known what was written."""

log = structlog.get_logger()

_What = TypeVar("_What")


class _Part(NamedTuple):
    """Rows of one table in a batch's statement: the columns' arrays are parameters in this order."""

    table: str
    columns: tuple[tuple[str, str], ...]
    """Name and type."""
    conflict: str = ""


def _upsert(key: tuple[str, ...], columns: Iterable[tuple[str, str]]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name, _ in columns if name not in key)
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


_JOURNAL = _Part(
    "journal",
    (("session_id", "text"), ("position", "bigint"), ("seq", "bigint"), ("at", "bigint"), ("event", "bytea")),
)
_EVENT_IDS = _Part("event_ids", (("session_id", "text"), ("event_id", "text")), " ON CONFLICT DO NOTHING")
_STATES_COLUMNS = (("session_id", "text"), ("position", "bigint"), ("state", "bytea"))
_STATES = _Part("state_snapshots", _STATES_COLUMNS, _upsert(("session_id",), _STATES_COLUMNS))
_ROOMS = _Part("rooms", ROOMS.typed_columns, _upsert(("session_id",), ROOMS.typed_columns))
_PEOPLE = _Part("people", PEOPLE.typed_columns, _upsert(("session_id", "client_id"), PEOPLE.typed_columns))


class PostgresJournal(GroupCommitJournal[PostgresConnection]):
    """A ``Journal`` in the database that many nodes share."""

    def __init__(
        self, database: PostgresDatabase, loop: asyncio.AbstractEventLoop, on_commit: OnCommit | None = None
    ) -> None:
        self._url = database.url
        self._sending = asyncio.new_event_loop()
        self._link: asyncpg.Connection[asyncpg.Record] | None = None
        self._acknowledged = AcknowledgedTail()
        self._taken_over: deque[Sequence[Append]] = deque()
        """What owners before wrote of late, until the thread that writes keeps it with what it acknowledged itself."""
        self._repairing = False
        self._given_up = False
        """The database did not answer while the journal was closed: nothing more is tried."""
        super().__init__(database.connect, loop, on_commit)

    def _loaded(self, connection: PostgresConnection, session_ids: Sequence[str]) -> dict[str, Loaded]:
        loaded = super()._loaded(connection, session_ids)
        if loaded and self.node is not None:
            self._taken_over.extend(_written_of_late(connection, self.node, loaded))
        return loaded

    def _transact(self, entries: Sequence[Append]) -> list[BaseException | None]:
        while self._taken_over:
            self._acknowledged.add(self._taken_over.popleft(), time.monotonic())
        if not self._is_linked():
            refused = self._repaired()
            if refused is not None:
                return [refused] * len(entries)
        return self._written_in_order(entries)

    def _written_in_order(self, entries: Sequence[Append]) -> list[BaseException | None]:
        outcomes: list[BaseException | None] = []
        for only_writes, run in groupby(entries, _only_writes):
            for part in [list(run)] if only_writes else ([entry] for entry in run):
                written = self._write_many(part) if only_writes else [self._write_alone(part[0])]
                # Before the next part, in which a failover may lose this one.
                self._acknowledged.add(
                    (entry for entry, outcome in zip(part, written, strict=True) if outcome is None),
                    time.monotonic(),
                )
                outcomes.extend(written)
        return outcomes

    def _is_linked(self, turns: int = 1) -> bool:
        for _ in range(turns):
            # The end of a connection is noticed in the loop's turns alone.
            if self._link is not None and not self._link.is_closed():
                self._sending.run_until_complete(asyncio.sleep(0))
        return self._link is not None and not self._link.is_closed()

    def _repaired(self) -> BaseException | None:
        """Connect anew, and write again what was acknowledged of late and is not there; why that was given up.

        A standby that was behind may be the server now: it lacks the newest records, and perhaps that their sessions
        were claimed. The owner has both.
        """
        if self._repairing or not self._acknowledged:
            return None
        self._repairing = True
        try:
            return self._patiently((), self._repair)[0]
        finally:
            self._repairing = False

    def _repair(self, _: Sequence[Append]) -> bool:
        self._cut()
        self._written.clear()
        latest = self._sending_result(
            self._relink(self._acknowledged.positions(), self._acknowledged.terms())
        )
        missing = self._acknowledged.after(latest)
        with_records = [entry for entry in missing if entry.records]
        outcomes = self._written_in_order(missing)
        if with_records:
            lost = [entry for entry, outcome in zip(missing, outcomes, strict=True) if outcome is not None]
            log.warning("records written again", entries=len(missing), refused=len(lost))
        return True

    async def _relink(self, positions: Mapping[str, int], terms: Mapping[str, int]) -> dict[str, int]:
        """Connect; take back sessions whose claim is not there; returns where their logs stand."""
        self._link = await _linked(self._url)
        if self.node is not None:
            await self._link.execute(_TAKE_BACK, self.node, list(terms), list(terms.values()))
        rows = await self._link.fetch(_LATEST, list(positions))
        return {row["session_id"]: row["latest"] for row in rows}

    def _sending_result(self, work: Coroutine[Any, Any, _What]) -> _What:
        try:
            return self._sending.run_until_complete(work)
        except (asyncpg.PostgresError, *_LOST) as error:
            log.warning("database lost", reason=str(error))
            self._cut()
            raise DatabaseLost(str(error)) from error

    def _write_many(self, entries: Sequence[Append]) -> list[BaseException | None]:
        """Write entries by one statement; those among which one is refused in halves, down to that one."""
        try:
            written = self._sent(entries)
        except DatabaseLost:
            return self._write_again(entries)
        if written:
            for entry in entries:
                self._remember(entry)
            return [None] * len(entries)
        if len(entries) == 1:
            return [self._write_alone(entries[0])]
        half = len(entries) // 2
        return [*self._write_many(entries[:half]), *self._write_many(entries[half:])]

    def _write_again(self, entries: Sequence[Append]) -> list[BaseException | None]:
        """Write entries of a statement whose answer was lost: each by itself, unless all of them are there.

        The statement was carried out as a whole or not at all. So what its records say holds for the rows without
        records too, which by themselves would seem to come from before them.
        """
        refused = self._repaired()
        if refused is not None:
            return [refused] * len(entries)
        with_records = [entry for entry in entries if entry.records]
        refused, repeated = (
            self._patiently(with_records, self._are_written) if with_records else (None, False)
        )
        if refused is not None:
            return [refused] * len(entries)
        if not repeated:
            return [self._write_alone(entry) for entry in entries]
        for entry in entries:
            self._remember(entry)
        return [None] * len(entries)

    def _give_up(self) -> None:
        self._given_up = True
        with contextlib.suppress(RuntimeError):
            self._sending.call_soon_threadsafe(self._cut_link)
        for connection in (self._connection, *self._readers):
            connection.interrupt()

    def _finish_writing(self) -> None:
        if self._link is not None and not self._given_up:
            with contextlib.suppress(asyncpg.PostgresError, *_LOST):
                self._sending.run_until_complete(self._link.close(timeout=_CONNECT_WITHIN_S))
        self._cut()
        self._sending.close()

    def _unsure(self, entries: Sequence[Append]) -> dict[str, int] | None:
        """Expected positions by session that the log must be asked for; None when the entries contradict each other.

        A session's records need no question where this writer left it: had another owner written meanwhile, its
        positions would be the ones that these records take. An entry without records takes none, so it asks always.
        """
        unsure: dict[str, int] = {}
        written: dict[str, int] = {}
        for entry in entries:
            latest = written.get(entry.session_id)
            if latest is None:
                if not entry.records or self._written.get(entry.session_id) != entry.expected:
                    unsure[entry.session_id] = entry.expected
            elif latest != entry.expected:
                return None
            written[entry.session_id] = entry.records[-1].position if entry.records else entry.expected
        return unsure

    def _sent(self, entries: Sequence[Append]) -> bool:
        """Send the statement of a batch; False when nothing of it was written, because one entry is refused.

        Raises:
            DatabaseLost: it is not known what was written.
        """
        if self._link is None or self._link.is_closed():
            # Over a new connection nothing is taken for known: the server may be another one.
            self._written.clear()
        unsure = self._unsure(entries)
        if unsure is None:
            return False
        try:
            return self._sending.run_until_complete(self._send(entries, unsure))
        except _LOST as error:
            log.warning("database lost", reason=str(error))
            self._cut()
            self._written.clear()
            raise DatabaseLost(str(error)) from error
        except (asyncpg.PostgresError, UnicodeError, ValueError):
            # A position is taken, or a value is refused.
            self._written.clear()
            return False

    async def _send(self, entries: Sequence[Append], unsure: dict[str, int]) -> bool:
        if self._link is None or self._link.is_closed():
            if self._acknowledged and not self._repairing:
                # The server may be another one, which lacks what was acknowledged: that comes first.
                raise ConnectionResetError("the connection ended between two statements")
            self._link = await _linked(self._url)
        text, arrays = _statement_of(entries, unsure, self.node)
        return bool(await self._link.fetchval(text, *arrays))

    def _cut_link(self) -> None:
        if self._link is not None:
            self._link.terminate()

    def _cut(self) -> None:
        if self._link is not None:
            link, self._link = self._link, None
            link.terminate()
            # The transport closes itself in the loop's next turn.
            self._sending.run_until_complete(asyncio.sleep(0))

    def _write_alone(self, entry: Append) -> BaseException | None:
        """Write one entry in a transaction, waiting for a database that is away; what came of it."""
        refused, _ = self._patiently(entry, self._write_entry)
        if refused is None:
            self._remember(entry)
        return refused

    def _patiently(self, what: _What, action: Callable[[_What], bool]) -> tuple[BaseException | None, bool]:
        """Why ``action`` was refused or given up, and what it answered; a database that is away is waited for."""
        # Given up only by somebody who closes, and then once for all entries: until then those who wait for the
        # answer are told nothing.
        patiently = Retrying(
            retry=retry_if_exception_type((DatabaseLost, DatabaseLocked)),
            wait=wait_random_exponential(multiplier=_SHORTEST_PAUSE_S, max=_LONGEST_PAUSE_S),
            stop=lambda _: self._closing,
            sleep=time.sleep,
            reraise=True,
        )
        if self._given_up:
            return JournalFailed("the database does not answer"), False
        try:
            return None, patiently(action, what)
        except (NotOwner, StalePosition, JournalFailed) as refused:
            return refused, False
        except DatabaseError as error:
            self._given_up = isinstance(error, DatabaseLost)
            return JournalFailed(str(error)), False
        except (UnicodeError, ValueError) as error:
            # A lone surrogate or NUL: no text of this database.
            return JournalFailed(str(error)), False

    def _write_entry(self, entry: Append) -> bool:
        # The other connection may have been made anew, to another server: what that lacks comes first.
        if not self._repairing and not self._is_linked(turns=3) and (refused := self._repaired()) is not None:
            raise refused
        self._written.pop(entry.session_id, None)
        try:
            return self._write_once(entry)
        except ConstraintViolated:
            # Somebody else wrote in between: this time the log is beyond the expected position.
            return self._write_once(entry)

    def _write_once(self, entry: Append) -> bool:
        with self._connection.transaction():
            self._check_owner(entry)
            repeated = write_checked(self._connection, entry)
            if repeated:
                self._connection.execute(_REACH_STANDBYS)
        return repeated

    def _check_owner(self, entry: Append) -> None:
        """Raise ``NotOwner`` unless this node lives, until the transaction ends, and owns the session of an entry."""
        if self.node is None or not entry.session_id:
            return
        alive = self._connection.value("SELECT 1 FROM nodes WHERE node = :node FOR KEY SHARE", node=self.node)
        mine = alive and self._connection.value(
            "SELECT 1 FROM owners WHERE session_id = :session_id AND node = :node AND term = :term",
            session_id=entry.session_id,
            node=self.node,
            term=entry.term,
        )
        if not mine:
            raise NotOwner(entry.session_id)

    def _are_written(self, entries: Sequence[Append]) -> bool:
        with self._connection.transaction():
            there = all(
                is_written(self._connection, entry, latest_position(self._connection, entry.session_id))
                for entry in entries
            )
            if there:
                self._connection.execute(_REACH_STANDBYS)
        return there


def _written_of_late(
    connection: PostgresConnection, node: str, loaded: Mapping[str, Loaded]
) -> list[list[Append]]:
    """What the standby of a database may lack of sessions that a node takes over: their owner until now cannot write it again."""
    since = time.time_ns() // 1_000_000 - int(KEPT_S * 1000)
    among, ids = one_of("id", loaded)
    owned = connection.rows(
        f"SELECT session_id, term FROM owners WHERE node = :node AND session_id IN {among}", node=node, **ids
    )
    terms = {row["session_id"]: row["term"] for row in owned if loaded[row["session_id"]].hole is None}
    late = _records_since(connection, {each: loaded[each] for each in terms}, since)
    return [
        [
            *(_alone(session_id, record, terms[session_id]) for record in records),
            _rows_alone(session_id, loaded[session_id], terms[session_id]),
        ]
        for session_id, records in late.items()
    ]


def _records_since(
    connection: PostgresConnection, loaded: Mapping[str, Loaded], since: Millis
) -> dict[str, list[Record]]:
    """The records of sessions from the first one after an instant on; without sessions that have none.

    All that follow it, also those that bear an earlier instant: clocks of servers differ. Read where they are not loaded.
    """
    late: dict[str, list[Record]] = {}
    earlier: dict[str, Value] = {}
    for session_id, each in loaded.items():
        if each.records and each.records[0].at <= since:
            late[session_id] = list(dropwhile(lambda record: record.at <= since, each.records))
        elif each.latest:
            earlier[session_id] = each.latest
    if earlier:
        ids: dict[str, Value] = {f"id_{number}": session_id for number, session_id in enumerate(earlier)}
        latest = {f"latest_{number}": position for number, position in enumerate(earlier.values())}
        logs = ", ".join(f"(:{id_}, :{position})" for id_, position in zip(ids, latest, strict=True))
        rows = connection.rows(
            f"SELECT session_id, position, seq, at, event FROM (VALUES {logs}) AS logs CROSS JOIN LATERAL"
            " (SELECT min(position) AS first FROM journal WHERE session_id = column1"
            " AND position BETWEEN column2 - :most AND column2 AND at > :since) AS late"
            " JOIN journal ON session_id = column1 AND position BETWEEN late.first AND column2"
            " ORDER BY session_id, position",
            most=_MOST_TAKEN_OVER,
            since=since,
            **ids,
            **latest,
        )
        for row in rows:
            late.setdefault(row["session_id"], []).append(record_of(row))
    return {session_id: records for session_id, records in late.items() if records}


def _rows_alone(session_id: str, loaded: Loaded, term: int) -> Append:
    """The rows of a session as they are, without a record."""
    return Append(
        session_id,
        loaded.latest,
        (),
        people=[PersonChange(row.client_id, row) for row in loaded.people],
        room=loaded.room,
        state=loaded.state,
        event_ids=tuple(loaded.event_ids),
        term=term,
    )


def _alone(session_id: str, record: Record, term: int) -> Append:
    """A record that was read, with what goes from the tables with it."""
    people: tuple[PersonChange, ...] = ()
    deleted: tuple[DeletedMessages, ...] = ()
    if b'"person_withdrew"' in record.event or b'"messages_deleted"' in record.event:
        match json.loads(record.event):
            case {"type": "person_withdrew", "client_id": client_id}:
                people = (PersonChange(client_id, None),)
            case {"type": "messages_deleted"} as event:
                deleted = (DeletedMessages(event.get("seq"), event.get("client_id")),)
    return Append(session_id, record.position - 1, (record,), people=people, deleted=deleted, term=term)


def _only_writes(entry: Append) -> bool:
    """Whether an entry can be one of many in a statement: it reads nothing before it writes."""
    return (
        entry.snapshot is None
        and not entry.outbox
        and not entry.notices
        and entry.made_by is None
        and not entry.deleted
        and all(change.row is not None for change in entry.people)
    )


async def _linked(url: str) -> asyncpg.Connection[asyncpg.Record]:
    link = await asyncpg.connect(
        url,
        timeout=_CONNECT_WITHIN_S,
        server_settings={"application_name": "halcytone journal"},
        target_session_attrs=SessionAttribute.read_write,
    )
    wire = link._transport.get_extra_info("socket") if hasattr(link, "_transport") else None
    if wire is not None:
        # A server whose machine is gone says nothing.
        with contextlib.suppress(OSError, AttributeError):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_MS)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return link


def _statement_of(
    entries: Sequence[Append], unsure: dict[str, int], node: str | None
) -> tuple[str, list[Sequence[Any]]]:
    """The statement for a batch and its arrays. One statement may touch a row once: the last per key is kept."""
    parts: list[_Part] = []
    arrays: list[Sequence[Any]] = []
    if node is not None:
        terms = {(entry.session_id, entry.term) for entry in entries if entry.session_id}
        arrays.extend((node, [each for each, _ in terms], [term for _, term in terms]))

    def add(part: _Part, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            parts.append(part)
            arrays.extend(zip(*rows, strict=True))

    if unsure:
        arrays.extend((tuple(unsure), tuple(unsure.values())))
    add(
        _JOURNAL,
        [
            (entry.session_id, record.position, record.seq, record.at, record.event)
            for entry in entries
            for record in entry.records
        ],
    )
    add(_EVENT_IDS, [(entry.session_id, each) for entry in entries for each in entry.event_ids])
    people = {
        (entry.session_id, change.client_id): change.row
        for entry in entries
        for change in entry.people
        if change.row is not None
    }
    add(_PEOPLE, [PEOPLE.tuple_of(row) for row in people.values()])
    rooms = {entry.session_id: entry.room for entry in entries if entry.room is not None}
    add(_ROOMS, [ROOMS.tuple_of(row) for row in rooms.values()])
    states = {entry.session_id: entry.state for entry in entries if entry.state is not None}
    add(_STATES, [(session_id, *astuple(state)) for session_id, state in states.items()])
    return _text(node is not None, bool(unsure), tuple(parts)), arrays


@lru_cache(maxsize=64)
def _text(owned: bool, fenced: bool, parts: tuple[_Part, ...]) -> str:
    """One statement with a part per table; ``true`` when everything was written, else nothing is.

    ``owned``: the first parameters are a node, and the sessions and terms that it must own. ``fenced``: the next two
    arrays are sessions and the positions at which their logs must stand.
    """
    number = 1
    source, conditions = "", []
    if owned:
        # The lock lets beats through, and makes an eviction wait for this statement.
        source = " FROM (SELECT 1 FROM nodes WHERE node = $1 FOR KEY SHARE) AS alive"
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM unnest($2::text[], $3::bigint[]) AS mine(session_id, term)"
            " LEFT JOIN owners ON owners.session_id = mine.session_id AND owners.term = mine.term"
            " WHERE owners.node IS DISTINCT FROM $1)"
        )
        number = 4
    if fenced:
        conditions.append(
            f"NOT EXISTS (SELECT 1 FROM unnest(${number}::text[], ${number + 1}::bigint[]) AS log(session_id, expected)"
            " WHERE log.expected <> coalesce("
            "(SELECT max(position) FROM journal WHERE journal.session_id = log.session_id), 0))"
        )
        number += 2
    guard = f"SELECT 1{source}{' WHERE ' if conditions else ''}{' AND '.join(conditions)}"
    ctes = [f"fence AS MATERIALIZED ({guard})"]
    for index, part in enumerate(parts):
        names = ", ".join(name for name, _ in part.columns)
        marks = []
        for _, kind in part.columns:
            marks.append(f"${number}::{kind}[]")
            number += 1
        ctes.append(
            f"part_{index} AS (INSERT INTO {part.table} ({names})"
            f" SELECT given.* FROM unnest({', '.join(marks)}) AS given({names}), fence{part.conflict})"
        )
    return f"WITH {', '.join(ctes)} SELECT EXISTS (SELECT 1 FROM fence)"
