"""Series as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.api.http.session_links import Links
from engine.domain.instant import iso
from engine.domain.series import Series
from engine.protocol.outgoing import room_state
from engine.sessions.series.dates_to_come import PlannedSession
from engine.storage.rows import RoomRow

__all__ = ["made_sessions", "occurrence", "series_document", "series_urls"]


def series_urls(series_id: str, links: Links) -> dict[str, str]:
    """The addresses of a series, which stay for ever."""
    base = links.absolute(f"/series/{series_id}")
    return {"page": f"{base}/", "join": f"{base}/join", "calendar": f"{base}/calendar.ics"}


def series_document(series: Series, links: Links, *, belongs: bool) -> dict[str, Any]:
    """A series, without its dates; for strangers without ``listen_url``."""
    details = series.details
    shown = room_state(details)
    return {
        "series_id": series.series_id,
        "title": details.title,
        "instructor": details.instructor,
        "instructor_name": details.instructor,
        "timezone": series.time_zone,
        "starts": series.starts,
        "rule": series.rule,
        "duration_minutes": details.duration_minutes,
        "description": details.description,
        "techniques": [
            {"technique": item.technique, "duration": item.duration, "instruction": item.instruction}
            | ({} if item.pattern is None else {"pattern": item.pattern})
            for item in details.techniques
        ],
        "plan": shown["plan"],
        "max_participants": details.max_participants,
        "session_type": details.session_type,
        "access": details.access,
        "visibility": details.visibility,
        "place": details.place,
        "listen_url": details.listen_url if belongs else None,
        "chat": details.chat,
        "status": "active" if series.ended_at is None else "ended",
        "created_at": iso(series.created_at),
        "updated_at": iso(series.updated_at),
        "ended_at": None if series.ended_at is None else iso(series.ended_at),
        "urls": series_urls(series.series_id, links),
    }


def made_sessions(rows: Sequence[RoomRow]) -> list[dict[str, Any]]:
    """The sessions of a series that were made."""
    return [{"session_id": row.session_id, "scheduled_start": iso(row.scheduled_start)} for row in rows]


def occurrence(planned: PlannedSession) -> dict[str, Any]:
    """One time of a series; ``status`` of its session where that is made."""
    return {
        "session_id": planned.session_id,
        "scheduled_start": iso(planned.starts),
        "made": planned.room is not None,
        "status": None if planned.room is None else planned.room.phase,
    }
