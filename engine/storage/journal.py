"""The port of the event log: append with the expected position, load a session, read its numbered records.

Positions are integers given by the session, 1 first and without a hole. An append is durable as a
whole or not at all, and its callback comes only then. Writing the same records again is harmless. A
second owner of a session, who expects another position than the latest, is refused with everything that
the append holds, also where that is no record but a person's row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from engine.domain.instant import Millis
from engine.storage.notices import Notice
from engine.storage.rows import OutboxRow, PersonChange, PersonRow, RoomRow, SnapshotRow

__all__ = [
    "Append",
    "DeletedMessages",
    "Done",
    "Journal",
    "JournalFailed",
    "Loaded",
    "NotOwner",
    "Record",
    "StalePosition",
    "StateSnapshot",
]


class JournalFailed(Exception):
    """The log could not be written or read: disk full, damaged, not writable, or closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotOwner(Exception):
    """This process does not own the session, or not any more: another node has it, or this one was evicted."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"{session_id} is owned by another node")
        self.session_id = session_id


class StalePosition(Exception):
    """Somebody else has written to this session's log: the writer's state is out of date."""

    def __init__(self, session_id: str, expected: int, latest: int) -> None:
        super().__init__(f"{session_id}: expected position {expected}, the log is at {latest}")
        self.expected = expected
        self.latest = latest


Done: TypeAlias = Callable[[BaseException | None], None]
"""Runs on the loop once the entry is durable (None), or is not (``JournalFailed``, ``StalePosition``, ``NotOwner``)."""


class Record(NamedTuple):
    """One event of a session."""

    position: int
    seq: int | None
    """Number of the message it became, for events that became one."""
    at: Millis
    event: bytes
    """JSON."""


@dataclass(frozen=True, slots=True)
class StateSnapshot:
    """The session's state after ``position``; a start replays only the records after it."""

    position: int
    state: bytes


class DeletedMessages(NamedTuple):
    """Chat messages whose text goes from the log: that of ``seq``, or all of ``client_id``; the other is None."""

    seq: int | None
    client_id: str | None


class Append(NamedTuple):
    """Everything one turn of a session makes durable, in one transaction."""

    session_id: str
    expected: int
    """The latest position in the log, before the first record: the fence of the whole entry, with records or without."""
    records: Sequence[Record]
    people: Sequence[PersonChange] = ()
    room: RoomRow | None = None
    snapshot: SnapshotRow | None = None
    """The story; stored as the next free version if its own is taken, and ``outbox`` with it."""
    outbox: Sequence[OutboxRow] = ()
    state: StateSnapshot | None = None
    event_ids: Sequence[str] = ()
    """Ids of platform events that were accepted: a repetition is known after a restart too."""
    notices: Sequence[Notice] = ()
    """What webhooks may ask for."""
    made_by: str | None = None
    """The key that made the session, and leads it from the moment that there is one; with ``room`` only."""
    term: int = 0
    """Which ownership of the session this is, counted up at each change of owner; 0 where nobody counts."""
    deleted: Sequence[DeletedMessages] = ()
    """Chat messages that were deleted; those of this entry's own records and before."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is loaded to start a session."""

    records: Sequence[Record]
    """Those after ``state``, contiguous."""
    latest: int
    """Highest position in the log; more than the last of ``records`` only behind a hole."""
    state: StateSnapshot | None = None
    people: Sequence[PersonRow] = ()
    room: RoomRow | None = None
    event_ids: frozenset[str] = frozenset()
    hole: int | None = None
    """First missing position, when the log has a hole: what follows it is not in ``records``."""


class Journal(Protocol):
    """The port. ``append`` is called on the loop; the others are awaited there."""

    def append(self, entry: Append, done: Done) -> None:
        """Stage an entry; never blocks. All entries of one loop tick share a commit.

        ``done`` runs on the loop, in the order of the appends.
        """
        ...

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        """Committed numbered records after a ``seq``, in order; the newest ``limit`` when there are more.

        Raises:
            JournalFailed: the log cannot be read, or is closed.
        """
        ...

    async def load(self, session_id: str) -> Loaded | None:
        """What a start needs, or None for a session that nobody created.

        Raises:
            JournalFailed: the log cannot be read, or is closed.
        """
        ...

    async def close(self) -> None:
        """Write what is staged and end what is being read, then stop. Entries that cannot be written get their error."""
        ...


def contiguous(records: Sequence[Record], after: int) -> tuple[Sequence[Record], int | None]:
    """The records up to the first hole after position ``after``, and where that hole is."""
    for index, record in enumerate(records):
        if record.position != after + index + 1:
            return records[:index], after + index + 1
    return records, None
