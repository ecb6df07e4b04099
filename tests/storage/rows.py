"""Rows for the storage tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from engine.domain.snapshot import Snapshot
from engine.storage.journal import Append, Done, Journal, Record
from engine.storage.rows import RoomRow

ROOM = RoomRow(
    session_id="morning",
    epoch="e1",
    phase="scheduled",
    title="Morning",
    instructor="Sarah Chen",
    session_type="live",
    scheduled_start=1_000_000,
    visibility="public",
    access="open",
    max_participants=50,
    document="{}",
    created_at=900_000,
    updated_at=900_000,
)


class Appends(Protocol):
    """What the tests need of a journal to write to it."""

    def append(self, entry: Append, done: Done) -> None: ...


def room(session_id: str, **changes: object) -> RoomRow:
    return replace(ROOM, session_id=session_id, **changes)  # type: ignore[arg-type]  # named as the fields are


def records(first: int, last: int, *, numbered: bool = True) -> list[Record]:
    """Records ``first`` to ``last``; every one is numbered with its position, or none is."""
    return [Record(n, n if numbered else None, 1_000 + n, b'{"n":%d}' % n) for n in range(first, last + 1)]


def snapshot(session_id: str = "morning", content_id: str = "c-1", **changes: object) -> Snapshot:
    facts: dict[str, object] = {
        "session_id": session_id,
        "content_id": content_id,
        "title": "Morning",
        "session_date": 1_000_000,
        "session_duration": 60,
        "participant_count": 3,
        "breathing_techniques": ("Box Breathing",),
        "ended_at": 1_060_000,
    }
    return Snapshot.model_validate(facts | changes)


async def all_records(journal: Journal, session_id: str) -> list[Record]:
    """Every record of a session of which no state is stored."""
    loaded = await journal.load(session_id)
    assert loaded is None or loaded.state is None
    return [] if loaded is None else list(loaded.records)


async def latest(journal: Journal, session_id: str) -> int:
    """The latest position of a session, 0 without records."""
    loaded = await journal.load(session_id)
    return 0 if loaded is None else loaded.latest


async def outcomes(journal: Appends, entries: Sequence[Append]) -> list[BaseException | None]:
    """Append all in one tick; what ``done`` was told for each."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[BaseException | None]] = [loop.create_future() for _ in entries]
    for entry, answer in zip(entries, answers, strict=True):
        journal.append(entry, answer.set_result)
    return await asyncio.gather(*answers)
