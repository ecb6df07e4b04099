"""The sessions that are yet to come, read from the engine's catalogue of rooms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.domain.instant import Millis
from engine.storage.rows import RoomRow
from engine.storage.session_reader import SessionReader
from publisher.catalogue.published import Catalogue

__all__ = ["UpcomingRoom", "cancelled_rooms", "upcoming_rooms", "visibility_of"]

_DEFAULT_LENGTH_S = 3600


@dataclass(frozen=True, slots=True)
class UpcomingRoom:
    """A public session that has not ended."""

    session_id: str
    title: str
    instructor: str
    starts: Millis
    length_s: int
    """Of its plan; an hour where the plan says nothing."""
    live: bool
    place: str | None
    description: str
    sequence: int
    created_at: Millis
    updated_at: Millis


def upcoming_rooms(catalogue: Catalogue, *, limit: int) -> list[UpcomingRoom]:
    """Public sessions that wait or go on, the next first."""
    return [_room(row) for row in SessionReader(catalogue.connection).upcoming(limit)]


def cancelled_rooms(catalogue: Catalogue, *, limit: int) -> list[UpcomingRoom]:
    """Public sessions that were cancelled, the latest first: calendars show them as cancelled."""
    return [_room(row) for row in SessionReader(catalogue.connection).cancelled(limit)]


def visibility_of(catalogue: Catalogue, session_id: str) -> str | None:
    """Who may see a session, as its room says; None where there is no room."""
    return SessionReader(catalogue.connection).visibility(session_id)


def _room(row: RoomRow) -> UpcomingRoom:
    document: dict[str, Any] = json.loads(row.document)
    return UpcomingRoom(
        session_id=row.session_id,
        title=row.title,
        instructor=row.instructor,
        starts=row.scheduled_start,
        length_s=_length(document),
        live=row.phase == "live",
        place=document.get("place"),
        description=document.get("description") or "",
        sequence=row.sequence,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _length(document: dict[str, Any]) -> int:
    plan = document.get("plan") or []
    planned = [step["duration"] for step in plan if isinstance(step, dict) and step.get("duration")]
    if planned and len(planned) == len(plan):
        return int(min(7200, max(300, sum(planned))))
    return _DEFAULT_LENGTH_S
