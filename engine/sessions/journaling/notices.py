"""What webhooks are told of a session: the notices of one turn's events, without addresses and figures of hearts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.domain import events as e
from engine.domain.instant import Millis, iso
from engine.domain.session import Session
from engine.sessions.journaling.room_row import attendance
from engine.storage.notices import Notice

__all__ = ["notices_of"]

_NAMES: Mapping[type, str] = {
    e.SessionCreated: "session.scheduled",
    e.DetailsChanged: "session.changed",
    e.SessionCancelled: "session.cancelled",
    e.SessionStarted: "session.started",
    e.SessionEnded: "session.ended",
}


def notices_of(state: Session, events: Iterable[e.Event]) -> tuple[Notice, ...]:
    """The notices of events after which a session is in ``state``."""
    names = dict.fromkeys(_NAMES[type(event)] for event in events if type(event) in _NAMES)
    return tuple(Notice(name, state.session_id, _described(state), state.updated_at) for name in names)


def _described(state: Session) -> dict[str, Any]:
    details = state.details
    return {
        "series_id": details.series_id,
        "title": details.title,
        "instructor": details.instructor,
        "scheduled_start": iso(details.scheduled_start),
        "visibility": details.visibility,
        "access": details.access,
        "place": details.place,
        "max_participants": details.max_participants,
        "status": str(state.phase),
        "started_at": _iso(state.started_at),
        "ended_at": _iso(state.ended_at),
        "participant_count": attendance(state),
    }


def _iso(at: Millis | None) -> str | None:
    return None if at is None else iso(at)
