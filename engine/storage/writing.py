"""How one ``Append`` becomes rows, inside a transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, fields

from engine.storage.journal import Append, Record, StalePosition
from engine.storage.redaction import redact
from engine.storage.rows import PersonRow, RoomRow
from engine.storage.stories import store_story

__all__ = ["record_of", "write", "write_records", "write_rows"]


def _upsert(table: str, row_type: type[RoomRow] | type[PersonRow], key: tuple[str, ...]) -> str:
    names = [field.name for field in fields(row_type)]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    marks = ", ".join("?" for _ in names)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


_UPSERT_ROOM = _upsert("rooms", RoomRow, ("session_id",))
_UPSERT_PERSON = _upsert("people", PersonRow, ("session_id", "client_id"))


def record_of(row: sqlite3.Row) -> Record:
    """A record from its row."""
    return Record(row["position"], row["seq"], row["at"], row["event"])


def write(connection: sqlite3.Connection, entry: Append) -> None:
    """Write the entry, or nothing.

    An entry whose records are all there already, byte for byte, was committed before, its rows with it.

    Raises:
        StalePosition: before anything is written.
        sqlite3.Error: the transaction is to be rolled back.
    """
    session_id, records = entry.session_id, entry.records
    latest = connection.execute(
        "SELECT max(position) FROM journal WHERE session_id = ?", (session_id,)
    ).fetchone()[0]
    latest = latest or 0
    if latest != entry.expected:
        if records and latest >= records[-1].position and _same(connection, entry):
            return
        raise StalePosition(session_id, entry.expected, latest)
    write_records(connection, (entry,))
    write_rows(connection, entry)


def write_records(connection: sqlite3.Connection, entries: Iterable[Append]) -> None:
    """Write the records of many entries at once.

    Raises:
        sqlite3.IntegrityError: a position is taken: somebody else owns that session.
    """
    connection.executemany(
        "INSERT INTO journal (session_id, position, seq, at, event) VALUES (?, ?, ?, ?, ?)",
        [
            (entry.session_id, record.position, record.seq, record.at, record.event)
            for entry in entries
            for record in entry.records
        ],
    )


def write_rows(connection: sqlite3.Connection, entry: Append) -> None:
    """Write what goes with an entry's records."""
    session_id = entry.session_id
    if entry.event_ids:
        connection.executemany(
            "INSERT OR IGNORE INTO event_ids (session_id, event_id) VALUES (?, ?)",
            [(session_id, event_id) for event_id in entry.event_ids],
        )
    for change in entry.people:
        if change.row is None:
            connection.execute(
                "DELETE FROM people WHERE session_id = ? AND client_id = ?", (session_id, change.client_id)
            )
            redact(connection, session_id, change.client_id)
        else:
            connection.execute(_UPSERT_PERSON, astuple(change.row))
    if entry.room is not None:
        connection.execute(_UPSERT_ROOM, astuple(entry.room))
    if entry.state is not None:
        connection.execute(
            "INSERT INTO state_snapshots (session_id, position, state) VALUES (?, ?, ?)"
            " ON CONFLICT (session_id) DO UPDATE SET position = excluded.position, state = excluded.state",
            (session_id, entry.state.position, entry.state.state),
        )
    if entry.snapshot is not None or entry.outbox:
        store_story(connection, entry.snapshot, entry.outbox)


def _same(connection: sqlite3.Connection, entry: Append) -> bool:
    rows = connection.execute(
        "SELECT position, seq, at, event FROM journal WHERE session_id = ? AND position BETWEEN ? AND ?"
        " ORDER BY position",
        (entry.session_id, entry.records[0].position, entry.records[-1].position),
    ).fetchall()
    return [record_of(row) for row in rows] == list(entry.records)
