"""Sessions as JSON: the room, the parts of its content, its entry in lists."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from engine.api.http.callers import Caller
from engine.api.http.ports import View
from engine.api.http.session_links import Links
from engine.domain.group_metrics import group_metrics
from engine.domain.instant import Millis, iso
from engine.domain.pseudonym import pseudonym
from engine.domain.session import STAFF, Details, Phase, Role, Session
from engine.protocol.outgoing import Message
from engine.protocol.tokens import Tokens, valid_until
from engine.sessions.journaling.room_row import attendance, room_document
from engine.storage.rows import RoomRow

__all__ = [
    "active",
    "figures",
    "listed",
    "live_line",
    "needs_token",
    "next_session",
    "people_here",
    "phases_meant",
    "replayed",
    "room",
    "tokens_of",
]

_ROLES = (Role.INSTRUCTOR, Role.PARTICIPANT, Role.OBSERVER)
_PERSONAL = frozenset({"name", "client_id"})


def active(state: Session) -> bool:
    """Whether a session has started and not ended."""
    return state.phase in (Phase.LIVE, Phase.ENDING)


def needs_token(details: Details) -> bool:
    """Whether links to a session open it with a token only."""
    return details.by_invitation


def tokens_of(state: Session, tokens: Tokens, given_to: str | None = None) -> dict[str, str]:
    """A token for each role, valid for 24 h after the planned start, or after the creation where that is later.

    The one that leads the session does so as the key ``given_to``, and no longer than that.
    """
    until = valid_until(state)
    return {
        str(role): tokens.issue(state.session_id, role, until, given_to if role in STAFF else None)
        for role in _ROLES
    }


def room(view: View, caller: Caller, links: Links, tokens: Tokens) -> dict[str, Any]:
    """A session in full: for those who lead it with its tokens, and whether changes of its series leave it as it is.

    Without ``listen_url`` for strangers.
    """
    state = view.state
    details = state.details
    own_tokens = tokens_of(state, tokens, caller.bound_to) if caller.leads(state.session_id) else None
    document = room_document(state) | {
        "status": _status(state.phase),
        "instructor_name": details.instructor,
        "active": active(state),
        "urls": links.of(
            state.session_id,
            own_tokens,
            by_token=needs_token(details),
        ),
    }
    if not caller.belongs(state.session_id):
        return document | {"listen_url": None}
    if own_tokens is None:
        return document
    return document | {"tokens": own_tokens, "changed_alone": details.changed_alone}


def listed(row: RoomRow, awake: Session | None, links: Links, withdrawn_at: Millis | None) -> dict[str, Any]:
    """A session's entry in the catalogue, from its stored row and, if it is in memory, its state.

    ``withdrawn_at``: when its story was withdrawn.

    The row is as old as the last change of the session's details. A session that is not in memory has nobody in it,
    unless it is over: then the row's count is final.
    """
    document: dict[str, Any] = json.loads(row.document)
    phase = Phase(row.phase)
    asleep = document["participant_count"] if phase.is_over else 0
    return document | {
        "status": _status(phase),
        "participant_count": asleep if awake is None else attendance(awake),
        "withdrawn_at": None if withdrawn_at is None else iso(withdrawn_at),
        "urls": links.of(row.session_id, None, by_token=False),
    }


def next_session(row: RoomRow, links: Links) -> dict[str, Any]:
    """A session that is still to come, as another one names it."""
    page = links.absolute(f"/sessions/{row.session_id}/")
    return {
        "session_id": row.session_id,
        "title": row.title,
        "instructor": row.instructor,
        "scheduled_start": iso(row.scheduled_start),
        "series_id": row.series_id,
        "urls": {
            "page": page,
            "join": links.absolute(f"/sessions/join/{row.session_id}"),
            "calendar": f"{page}event.ics",
        },
    }


def phases_meant(words: Collection[str]) -> list[Phase]:
    """The phases whose name or shown status is one of the words. A waiting room's status is "scheduled" until it starts."""
    return [phase for phase in Phase if phase in words or _status(phase) in words]


def live_line(view: View, at: Millis, *, with_metrics: bool) -> dict[str, Any]:
    """A session's entry in the list of those that are live."""
    state = view.state
    line: dict[str, Any] = {
        "session_id": state.session_id,
        "title": state.details.title,
        "instructor": state.details.instructor,
        "participant_count": state.count(),
        "active": True,
        "started_at": None if state.started_at is None else iso(state.started_at),
    }
    return line | {"metrics": figures(state, at)} if with_metrics else line


def figures(state: Session, at: Millis) -> dict[str, Any]:
    """The group's figures: HRV in percent, rates as fractions; None where too few stand behind them."""
    metrics = group_metrics(state, at)
    return metrics | {
        "average_hrv_improvement": metrics["average_hrv"],
        "completion_rate": _rounded(metrics["completion_rate"]),
        "engagement_rate": _rounded(metrics["engagement_rate"]),
        "techniques_practised": len({span.technique for span in state.spans}),
    }


def people_here(view: View) -> list[dict[str, Any]]:
    """The participants who are present, in the order in which they joined; everybody who took part once it is over."""
    names = view.names
    state = view.state
    members = (m for m in state.participants() if m.is_here or state.phase.is_over)
    return [
        {
            "client_id": member.client_id,
            "name": names.get(member.client_id) or pseudonym(member.client_id),
            "joined_at": iso(member.joined_at),
        }
        for member in sorted(members, key=lambda m: (m.joined_at, m.client_id))
    ]


def replayed(messages: list[Message], *, with_names: bool) -> list[Message]:
    """The messages of a replay; for strangers without chat, names and client ids."""
    if with_names:
        return messages
    return [
        message | {"content": {k: v for k, v in message["content"].items() if k not in _PERSONAL}}
        for message in messages
        if message["type"] != "chat_message" and message.get("update_type") != "messages_deleted"
    ]


def _status(phase: Phase) -> str:
    return str(Phase.SCHEDULED if phase is Phase.WAITING else phase)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 3)
