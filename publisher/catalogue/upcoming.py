"""The sessions that are yet to come, and those that calendars keep, read from the engine's catalogue of rooms."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from engine.domain.instant import Millis, from_datetime
from engine.storage.rows import RoomRow
from engine.storage.series import series_of as stored_series
from engine.storage.session_reader import SessionReader
from publisher.catalogue.listing import NAMING_NEXT, Published
from publisher.catalogue.published import Catalogue

__all__ = [
    "UpcomingRoom",
    "cancelled_rooms",
    "in_own_zone",
    "next_after",
    "next_room",
    "pages_naming_next",
    "past_rooms",
    "room_of",
    "series_of",
    "upcoming_rooms",
    "visibility_of",
]

_DEFAULT_LENGTH_S = 3600


@dataclass(frozen=True, slots=True)
class UpcomingRoom:
    """A session as calendars and lists of what is to come show it."""

    session_id: str
    title: str
    instructor: str
    starts: Millis
    length_s: int
    """Of its plan, an hour where the plan says nothing; once it is over its own."""
    live: bool
    place: str | None
    description: str
    sequence: int
    created_at: Millis
    updated_at: Millis
    series_id: str | None = None
    cancelled: bool = False
    time_zone: str | None = None
    """The IANA name of its series' zone, where its date is said in that; None: in the studio's."""


def upcoming_rooms(catalogue: Catalogue, *, limit: int) -> list[UpcomingRoom]:
    """Public sessions that wait or go on, the next first."""
    return [room_of(row) for row in SessionReader(catalogue.connection).upcoming(limit)]


def cancelled_rooms(catalogue: Catalogue, *, limit: int) -> list[UpcomingRoom]:
    """Public sessions that were cancelled, the latest first: calendars show them as cancelled."""
    return [room_of(row) for row in SessionReader(catalogue.connection).cancelled(limit)]


def past_rooms(catalogue: Catalogue, *, limit: int) -> list[UpcomingRoom]:
    """Public sessions that are over, the latest first, from their start to their real end; not those withdrawn."""
    rows = SessionReader(catalogue.connection).over(limit)
    return [_past(row) for row in rows if catalogue.withdrawn_at(row.session_id) is None]


def next_room(catalogue: Catalogue, entry: Published) -> UpcomingRoom | None:
    """The session that the page of a story names as the next: of its series, else of the studio. None on older stories.

    That keeps what a change of the schedule touches small; an older story of a series has a link to the later one.
    """
    reader = SessionReader(catalogue.connection)
    if _names_next(entry, catalogue.of_series(entry.series_id, NAMING_NEXT)):
        of_series = reader.upcoming(1, series_id=entry.series_id)
        if of_series:
            return in_own_zone(catalogue, room_of(of_series[0]))
    if _names_next(entry, catalogue.newest(NAMING_NEXT)):
        return next((in_own_zone(catalogue, room_of(row)) for row in reader.upcoming(1)), None)
    return None


def next_after(catalogue: Catalogue, series_id: str | None, now: Millis) -> UpcomingRoom | None:
    """The next public session that has not begun yet: of a series, else of the studio."""
    reader = SessionReader(catalogue.connection)
    rows = reader.upcoming(1, series_id=series_id, after=now) if series_id else []
    rows = rows or reader.upcoming(1, after=now)
    return next((in_own_zone(catalogue, room_of(row)) for row in rows), None)


def in_own_zone(catalogue: Catalogue, room: UpcomingRoom) -> UpcomingRoom:
    """The session with the zone of its series, in which the dates of that are meant."""
    series = None if room.series_id is None else stored_series(catalogue.connection, room.series_id)
    return room if series is None else replace(room, time_zone=series.time_zone)


def pages_naming_next(catalogue: Catalogue, session_id: str) -> set[str]:
    """The pages of stories that may name another next session once this one's room changed."""
    series_id = SessionReader(catalogue.connection).series_of(session_id)
    newest = (*catalogue.newest(NAMING_NEXT), *catalogue.of_series(series_id, NAMING_NEXT))
    return {f"session/{each.session_id}" for each in newest}


def _names_next(entry: Published, newest: list[Published]) -> bool:
    return any(each.session_id == entry.session_id for each in newest)


def series_of(catalogue: Catalogue, session_id: str) -> str | None:
    """The series of a session, as its room says."""
    return SessionReader(catalogue.connection).series_of(session_id)


def visibility_of(catalogue: Catalogue, session_id: str) -> str | None:
    """Who may see a session, as its room says; None where there is no room."""
    return SessionReader(catalogue.connection).visibility(session_id)


def room_of(row: RoomRow) -> UpcomingRoom:
    """The session of a row."""
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
        series_id=row.series_id,
        cancelled=row.cancelled,
    )


def _past(row: RoomRow) -> UpcomingRoom:
    room = room_of(row)
    document: dict[str, Any] = json.loads(row.document)
    started, ended = (document.get(name) for name in ("started_at", "ended_at"))
    if ended is None or row.ended_at is None:
        return room
    changed = replace(room, sequence=room.sequence + 1, updated_at=row.ended_at)
    if started is None:
        # Nobody began it: what was planned is all there is to say.
        return changed
    starts = min(room.starts, _instant(started))
    return replace(changed, starts=starts, length_s=max(1, (_instant(ended) - starts) // 1000))


def _instant(iso: str) -> Millis:
    return from_datetime(datetime.fromisoformat(iso))


def _length(document: dict[str, Any]) -> int:
    if document.get("duration_minutes"):
        return int(document["duration_minutes"]) * 60
    plan = document.get("plan") or []
    planned = [step["duration"] for step in plan if isinstance(step, dict) and step.get("duration")]
    if planned and len(planned) == len(plan):
        return int(min(7200, max(300, sum(planned))))
    return _DEFAULT_LENGTH_S
