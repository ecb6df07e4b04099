"""The rows that a session leaves beside its log: its room, its people, its story."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from engine.domain.instant import Millis
from engine.storage.database import Row, Value

__all__ = [
    "PEOPLE",
    "ROOMS",
    "UNFINISHED",
    "OutboxRow",
    "PersonChange",
    "PersonRow",
    "RoomRow",
    "SnapshotRow",
    "Table",
]

UNFINISHED = ("scheduled", "waiting", "live", "ending")
"""Phases of rooms that still have something before them."""


@dataclass(frozen=True, slots=True)
class RoomRow:
    """The catalogue's row of a room, as it is after the events it is written with."""

    session_id: str
    epoch: str
    phase: str
    title: str
    instructor: str
    session_type: str
    scheduled_start: Millis
    visibility: str
    access: str
    max_participants: int
    document: str
    """JSON of the room as the API shows it."""
    created_at: Millis
    updated_at: Millis
    started_at: Millis | None = None
    ended_at: Millis | None = None
    next_deadline: Millis | None = None
    """When the room next has to do something by itself; None when only others can wake it."""
    sequence: int = 0
    """Rises with every change that the calendar shows (RFC 5545 SEQUENCE)."""
    cancelled: bool = False
    series_id: str | None = None
    occurrence: str | None = None
    """The local date of its series that it stands for."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What is known of one person in one session, as long as that person lets it be known."""

    session_id: str
    client_id: str
    updated_at: Millis
    name: str | None = None
    consents: str = "{}"
    """JSON object."""
    email: str | None = None
    own_summary: str | None = None
    """JSON object, written only on the person's request."""
    rating: int | None = None
    comment: str | None = None
    quote_state: str | None = None
    publish_quote: bool = False
    publish_name: bool = False
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class PersonChange:
    """The row of ``client_id`` as it is now, or None: it goes."""

    client_id: str
    row: PersonRow | None


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One version of a session's story."""

    session_id: str
    version: int
    content_id: str
    document: str
    """JSON of the ``Snapshot``."""
    created_at: Millis


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One channel's work on one version: pending, running, done, or failed."""

    session_id: str
    channel: str
    version: int
    content_hash: str
    updated_at: Millis
    state: str = "pending"
    attempts: int = 0
    next_attempt_at: Millis | None = None
    last_error: str | None = None
    id: int | None = None
    """Given by the database."""


_Row = TypeVar("_Row", RoomRow, PersonRow)


def _typed_columns(row: type[object]) -> Iterator[tuple[str, str]]:
    for column, hint in get_type_hints(row).items():
        yield column, "bigint" if {int, bool} & {hint, *get_args(hint)} else "text"


class Table(Generic[_Row]):
    """How a row's class and the table of the same columns become each other."""

    def __init__(self, name: str, row: type[_Row], *, key: tuple[str, ...], flags: tuple[str, ...]) -> None:
        self._make: Callable[..., _Row] = row
        self._columns: tuple[str, ...] = tuple(field.name for field in fields(row))
        self._flags: tuple[str, ...] = flags
        self._get: Callable[[_Row], tuple[Value, ...]] = attrgetter(*self._columns)
        self.typed_columns: tuple[tuple[str, str], ...] = tuple(_typed_columns(row))
        """Each column's name and PostgreSQL's type of it, in the order of ``tuple_of``."""
        changes = ", ".join(f"{each} = excluded.{each}" for each in self._columns if each not in key)
        self.upsert = (
            f"INSERT INTO {name} ({', '.join(self._columns)}) VALUES ({', '.join(f':{c}' for c in self._columns)})"
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
        )
        """Writes a row in the place of the one with its key; takes ``values``."""

    def values(self, row: _Row) -> Mapping[str, Value]:
        """The columns of a row as the database takes them: a flag is 0 or 1."""
        values: dict[str, Value] = dict(zip(self._columns, self._get(row), strict=True))
        for flag in self._flags:
            values[flag] = 1 if values[flag] else 0
        return values

    def tuple_of(self, row: _Row) -> tuple[Value, ...]:
        """``values`` without their names, in the order of ``typed_columns``."""
        return tuple(self.values(row).values())

    def read(self, row: Row) -> _Row:
        """What the database has, as the row that was written."""
        values: dict[str, Any] = {name: row[name] for name in self._columns}
        for flag in self._flags:
            values[flag] = bool(values[flag])
        return self._make(**values)


ROOMS = Table("rooms", RoomRow, key=("session_id",), flags=("cancelled",))
PEOPLE = Table(
    "people",
    PersonRow,
    key=("session_id", "client_id"),
    flags=("publish_quote", "publish_name", "vouched"),
)
