"""The journal in memory, by the same contract: for tests, and for measuring what the disk costs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field, replace

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
from engine.storage.redaction import without_words
from engine.storage.rows import UNFINISHED, OutboxRow, PersonRow, RoomRow, SnapshotRow

__all__ = ["MemoryJournal", "MemoryRooms"]


@dataclass(slots=True)
class _Log:
    records: list[Record] = field(default_factory=list)
    people: dict[str, PersonRow] = field(default_factory=dict)
    room: RoomRow | None = None
    state: StateSnapshot | None = None
    event_ids: set[str] = field(default_factory=set)


class MemoryJournal:
    """Keeps everything until the process ends; ``done`` comes at the end of the loop's tick."""

    def __init__(self, beside: MemoryJournal | None = None) -> None:
        """``beside``: another process's journal over the same sessions."""
        self._logs: dict[str, _Log] = {} if beside is None else beside._logs
        self._staged: list[tuple[Append, Done]] = []
        self._closed = False
        self.snapshots: list[SnapshotRow] = []
        self.outbox: list[OutboxRow] = []

    def append(self, entry: Append, done: Done) -> None:
        """As the port says."""
        loop = asyncio.get_running_loop()
        if self._closed:
            loop.call_soon(done, JournalFailed("the journal is closed"))
            return
        if not self._staged:
            loop.call_soon(self._flush)
        self._staged.append((entry, done))

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        """As the port says."""
        if self._closed:
            raise JournalFailed("the journal is closed")
        numbered = [r for r in self._records(session_id) if r.seq is not None and r.seq > after_seq]
        return numbered[-limit:]

    async def load(self, session_id: str) -> Loaded | None:
        """As the port says."""
        if self._closed:
            raise JournalFailed("the journal is closed")
        log = self._logs.get(session_id)
        if log is None:
            return None
        after = log.state.position if log.state else 0
        records, hole = contiguous([r for r in log.records if r.position > after], after)
        return Loaded(
            records=records,
            latest=log.records[-1].position if log.records else 0,
            state=log.state,
            people=tuple(log.people[client_id] for client_id in sorted(log.people)),
            room=log.room,
            event_ids=frozenset(log.event_ids),
            hole=hole,
        )

    async def close(self) -> None:
        """As the port says."""
        self._flush()
        self._closed = True
        # The answers of the last entries are on their way: let them arrive.
        await asyncio.sleep(0)

    def rooms(self) -> MemoryRooms:
        """The catalogue of the rooms written so far and later."""
        return MemoryRooms(self._logs, self.snapshots)

    def _records(self, session_id: str) -> list[Record]:
        log = self._logs.get(session_id)
        return log.records if log else []

    def _flush(self) -> None:
        staged, self._staged = self._staged, []
        loop = asyncio.get_running_loop()
        for entry, done in staged:
            loop.call_soon(done, self._write(entry))

    def _write(self, entry: Append) -> StalePosition | None:
        log = self._logs.get(entry.session_id) or _Log()
        latest = log.records[-1].position if log.records else 0
        if latest != entry.expected:
            wanted = {record.position for record in entry.records}
            if wanted and [r for r in log.records if r.position in wanted] == list(entry.records):
                return None
            return StalePosition(entry.session_id, entry.expected, latest)
        self._logs[entry.session_id] = log
        log.records.extend(entry.records)
        log.event_ids.update(entry.event_ids)
        for change in entry.people:
            if change.row is None:
                log.people.pop(change.client_id, None)
                log.records[:] = [
                    r._replace(event=without_words(r.event, change.client_id) or r.event) for r in log.records
                ]
            else:
                log.people[change.client_id] = change.row
        for deleted in entry.deleted:
            log.records[:] = [
                r._replace(event=without_words(r.event, deleted.client_id) or r.event)
                if deleted.seq in (None, r.seq)
                else r
                for r in log.records
            ]
        log.room = entry.room or log.room
        log.state = entry.state or log.state
        if entry.snapshot is not None:
            taken = sum(row.session_id == entry.session_id for row in self.snapshots)
            self.snapshots.append(replace(entry.snapshot, version=taken + 1))
        self.outbox.extend(entry.outbox)
        return None


class MemoryRooms:
    """The catalogue of rooms of a ``MemoryJournal``."""

    def __init__(self, logs: dict[str, _Log], snapshots: Sequence[SnapshotRow]) -> None:
        self._logs = logs
        self._snapshots = snapshots

    async def get(self, session_id: str) -> RoomRow | None:
        """As the port says."""
        log = self._logs.get(session_id)
        return log.room if log else None

    async def among(self, session_ids: Collection[str]) -> Sequence[RoomRow]:
        """As the port says."""
        return [row for row in self._all() if row.session_id in session_ids]

    async def id_differing_by_case(self, session_id: str) -> str | None:
        """As the port says."""
        others = (row.session_id for row in self._all() if row.session_id != session_id)
        return next((other for other in others if other.lower() == session_id.lower()), None)

    async def has_story(self, session_id: str) -> bool:
        """As the port says."""
        return any(row.session_id == session_id for row in self._snapshots)

    async def stories_among(self, session_ids: Collection[str]) -> Set[str]:
        """As the port says."""
        return {row.session_id for row in self._snapshots if row.session_id in session_ids}

    async def list(
        self, phases: Collection[str] | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[RoomRow]:
        """As the port says."""
        rows = sorted(self._all(), key=lambda row: row.session_id)
        chosen = [r for r in rows if r.session_id > (after or "") and (phases is None or r.phase in phases)]
        return chosen[:limit]

    async def unfinished(self) -> Sequence[RoomRow]:
        """As the port says."""
        rows = [row for row in self._all() if row.phase in UNFINISHED and not row.cancelled]
        return sorted(rows, key=lambda row: (row.scheduled_start, row.session_id))

    async def of_series(self, series_id: str) -> Sequence[RoomRow]:
        """As the port says."""
        rows = [row for row in self._all() if row.series_id == series_id]
        return sorted(rows, key=lambda row: (row.scheduled_start, row.session_id))

    async def upcoming(self, limit: int) -> Sequence[RoomRow]:
        """As the port says."""
        rows = [
            row for row in await self.unfinished() if row.phase != "ending" and row.visibility == "public"
        ]
        return rows[:limit]

    def _all(self) -> Sequence[RoomRow]:
        return [log.room for log in self._logs.values() if log.room is not None]
