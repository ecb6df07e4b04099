"""The row of a session in the catalogue of rooms."""

from __future__ import annotations

from pydantic_core import to_json

from engine.domain.deadlines import next_deadline
from engine.domain.instant import iso
from engine.domain.session import Phase, Session
from engine.protocol.outgoing import Message, room_state
from engine.storage.rows import RoomRow

__all__ = ["attendance", "room_document", "room_row"]


def attendance(state: Session) -> int:
    """How many participants are here; of a session that is over, how many came."""
    return sum(1 for _ in state.participants()) if state.phase.is_over else state.count()


def room_document(state: Session) -> Message:
    """The room as the API shows it, but for addresses and tokens."""
    details = state.details
    return {
        "session_id": state.session_id,
        **room_state(details),
        "techniques": [
            {"technique": item.technique, "duration": item.duration, "instruction": item.instruction}
            | ({} if item.pattern is None else {"pattern": item.pattern})
            for item in details.techniques
        ],
        "participant_count": attendance(state),
        "session_type": details.session_type,
        "series_id": details.series_id,
        "duration_minutes": details.duration_minutes,
        "status": str(state.phase),
        "phase": str(state.phase),
        "opens_at": iso(state.opens_at),
        "started_at": None if state.started_at is None else iso(state.started_at),
        "ended_at": None if state.ended_at is None else iso(state.ended_at),
        "end_reason": state.end_reason,
        "epoch": state.epoch,
        "created_at": iso(state.created_at),
    }


def room_row(state: Session) -> RoomRow:
    """The catalogue's row of this state."""
    details = state.details
    return RoomRow(
        session_id=state.session_id,
        epoch=state.epoch,
        phase=str(state.phase),
        title=details.title,
        instructor=details.instructor,
        session_type=details.session_type,
        scheduled_start=details.scheduled_start,
        visibility=details.visibility,
        access=details.access,
        max_participants=details.max_participants,
        document=to_json(room_document(state)).decode(),
        created_at=state.created_at,
        updated_at=state.updated_at,
        started_at=state.started_at,
        ended_at=state.over_since(),
        next_deadline=next_deadline(state),
        sequence=state.sequence,
        cancelled=state.phase is Phase.CANCELLED,
        series_id=details.series_id,
        occurrence=details.occurrence,
    )
