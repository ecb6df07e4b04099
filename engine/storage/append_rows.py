"""Writes the rows of one ``Append``, inside a transaction that is open."""

from __future__ import annotations

from engine.storage.database import Connection, Row
from engine.storage.journal import Append, Record, StalePosition
from engine.storage.leaders import record_maker
from engine.storage.notices import queue_notice
from engine.storage.redaction import redact, redact_message
from engine.storage.registrations import forget_registration
from engine.storage.rows import PEOPLE, ROOMS
from engine.storage.stories import store_story

__all__ = ["is_written", "latest_position", "record_of", "records_between", "write_checked", "write_rows"]


def record_of(row: Row) -> Record:
    """A record from its row."""
    return Record(row["position"], row["seq"], row["at"], row["event"])


def latest_position(connection: Connection, session_id: str) -> int:
    """The highest position in a session's log, 0 without records."""
    return connection.value("SELECT max(position) FROM journal WHERE session_id = :id", id=session_id) or 0


def records_between(connection: Connection, session_id: str, first: int, last: int) -> list[Record]:
    """The records of a session from one position to another, both inclusive, in order."""
    rows = connection.rows(
        "SELECT position, seq, at, event FROM journal WHERE session_id = :id"
        " AND position BETWEEN :first AND :last ORDER BY position",
        id=session_id,
        first=first,
        last=last,
    )
    return [record_of(row) for row in rows]


def write_checked(connection: Connection, entry: Append) -> bool:
    """Write an entry after asking where its log stands, inside a transaction that is open.

    An entry whose records are all there already, byte for byte, was committed before, its rows with it: True then.

    Raises:
        StalePosition: before anything is written.
        DatabaseError: the transaction is to be rolled back.
    """
    session_id, records = entry.session_id, entry.records
    latest = latest_position(connection, session_id)
    if latest != entry.expected:
        if is_written(connection, entry, latest):
            return True
        raise StalePosition(session_id, entry.expected, latest)
    if records:
        connection.many(
            "INSERT INTO journal (session_id, position, seq, at, event)"
            " VALUES (:session_id, :position, :seq, :at, :event)",
            [{"session_id": session_id, **record._asdict()} for record in records],
        )
    write_rows(connection, entry)
    return False


def is_written(connection: Connection, entry: Append, latest: int) -> bool:
    """Whether the log, which goes to position ``latest``, has the records of an entry that has some."""
    records = entry.records
    if not records or latest < records[-1].position:
        return False
    kept = records_between(connection, entry.session_id, records[0].position, records[-1].position)
    return kept == list(records)


def write_rows(connection: Connection, entry: Append) -> None:
    """Write what goes with an entry's records."""
    session_id = entry.session_id
    if entry.event_ids:
        connection.many(
            "INSERT INTO event_ids (session_id, event_id) VALUES (:session_id, :event_id) ON CONFLICT DO NOTHING",
            [{"session_id": session_id, "event_id": event_id} for event_id in entry.event_ids],
        )
    for change in entry.people:
        if change.row is None:
            connection.execute(
                "DELETE FROM people WHERE session_id = :session_id AND client_id = :client_id",
                session_id=session_id,
                client_id=change.client_id,
            )
            redact(connection, session_id, change.client_id)
            forget_registration(connection, change.client_id)
        else:
            connection.execute(PEOPLE.upsert, **PEOPLE.values(change.row))
    for deleted in entry.deleted:
        if deleted.seq is not None:
            redact_message(connection, session_id, deleted.seq)
        elif deleted.client_id is not None:
            redact(connection, session_id, deleted.client_id)
    if entry.room is not None:
        connection.execute(ROOMS.upsert, **ROOMS.values(entry.room))
        if entry.made_by is not None:
            record_maker(connection, "session", session_id, entry.made_by, entry.room.created_at)
    if entry.state is not None:
        connection.execute(
            "INSERT INTO state_snapshots (session_id, position, state) VALUES (:session_id, :position, :state)"
            " ON CONFLICT (session_id) DO UPDATE SET position = excluded.position, state = excluded.state",
            session_id=session_id,
            position=entry.state.position,
            state=entry.state.state,
        )
    if entry.snapshot is not None or entry.outbox:
        store_story(connection, entry.snapshot, entry.outbox)
    for notice in entry.notices:
        queue_notice(connection, notice)
