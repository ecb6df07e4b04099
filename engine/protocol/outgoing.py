"""Build the messages of a live socket: one dictionary per message, one JSON encoding, one frame.

``{"type", "session_id", "seq"?, "epoch"?, "timestamp", "content"}``; ``update_type``, and what is for
one client alone, stand at the top level. A vocabulary, and so a long module.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, assert_never, cast

from pydantic_core import to_json

from engine.domain import events as e
from engine.domain.instant import Millis, iso
from engine.domain.pseudonym import pseudonym
from engine.domain.rejection import Rejected
from engine.domain.session import Announcement, ChatLine, Details, Session, Span, TechniquePlan
from engine.domain.techniques.lookup import Pattern, Technique, named
from engine.protocol.frames import text_frame

__all__ = [
    "Message",
    "announcement_of",
    "chat_line",
    "error",
    "frame",
    "message",
    "name_of",
    "numbered",
    "plan_of",
    "room_state",
    "staff_message",
    "technique_state",
    "text",
    "welcome_state",
]

Message = dict[str, Any]


def frame(outgoing: Message) -> bytes:
    """A message as a text frame, in bytes."""
    return text_frame(to_json(outgoing))


def text(outgoing: Message) -> str:
    """A message as JSON text, without a frame."""
    return to_json(outgoing).decode()


def message(kind: str, session_id: str, at: Millis, content: Mapping[str, Any], **top: Any) -> Message:
    """An unnumbered message."""
    return {"type": kind, "session_id": session_id, "timestamp": iso(at), "content": content, **top}


def error(
    session_id: str | None, at: Millis, refusal: Rejected, reply_to: str | None = None, **top: Any
) -> Message:
    """The error message that the sender of a refused command gets."""
    content: Message = {"code": refusal.code, "message": refusal.message}
    if refusal.details:
        content["details"] = refusal.details
    if reply_to is not None:
        top["reply_to"] = reply_to
    return {
        "type": "error",
        "session_id": session_id,
        "timestamp": iso(at),
        "code": refusal.code,
        "content": content,
        **top,
    }


def numbered(
    event: e.Event,
    *,
    session_id: str,
    epoch: str,
    seq: int,
    at: Millis,
    names: Mapping[str, str],
    instructor: str | None = None,
) -> Message:
    """The message of a numbered event, the same for everybody.

    The same event always gives the same message, but for the names of people who have withdrawn theirs, and for
    ``instructor``, which stands at what staff write who gave no name.
    """
    # Only numbered events have a ``seq``: whoever calls this has seen to it.
    kind, update_type, content = _parts(cast("e.NumberedEvent", event), names, instructor)
    outgoing: Message = {"type": kind}
    if update_type is not None:
        outgoing["update_type"] = update_type
    outgoing["session_id"] = session_id
    outgoing["seq"] = seq
    outgoing["epoch"] = epoch
    outgoing["timestamp"] = iso(at)
    outgoing["content"] = content
    return outgoing


def _parts(
    event: e.NumberedEvent, names: Mapping[str, str], instructor: str | None
) -> tuple[str, str | None, Message]:
    """``type``, ``update_type`` and ``content`` of a numbered event."""
    match event:
        case e.ChatMessageSent():
            return "chat_message", None, chat_line(event, names, instructor)
        case e.MemberJoined():
            return "participant_joined", None, {**_person(event.client_id, names), "count": event.count}
        case e.MemberLeft():
            return "participant_left", None, {**_person(event.client_id, names), "count": event.count}
        case e.TechniqueChanged():
            span = Span(event.technique, event.started_at, event.duration, event.instruction, event.pattern)
            return "technique_changed", None, technique_state(span)
        case e.HrvMilestoneReached():
            improvement: Message = {"improvement": event.improvement}
            return "hrv_milestone", None, improvement | _given(average_hrv=event.average_hrv)
        case e.SessionEnding():
            ending: Message = {
                "summary_available": event.summary_available,
                "duration": event.duration,
                "reason": event.reason,
            }
            return "session_ending", None, ending | _given(participants=event.participants)
        case _:
            return ("session_update", *_update(event))


def _update(event: e.SessionUpdate) -> tuple[str, Message]:
    """``update_type`` and ``content`` of a session update."""
    match event:
        case e.Announced():
            announced = announcement_of(event)
            if event.kind is not None:
                announced["announcement_type"] = event.kind
            return "announcement", announced
        case e.SessionStarted():
            started: Message = {"title": event.title, "instructor": event.instructor, "phase": "live"}
            started_at = None if event.started_at is None else iso(event.started_at)
            return "session_started", started | _given(
                scheduled_duration=event.scheduled_duration, started_at=started_at
            )
        case e.AchievementUnlocked():
            achievement: Message = {"title": event.title, "description": event.description}
            return "achievement_unlocked", achievement | _given(badge_url=event.badge_url)
        case e.PracticeRested():
            return "resting", {"resting": True}
        case e.PracticeResumed():
            return "practice_resumed", {"resting": False}
        case e.ChatSwitched():
            return "chat_switched", {"chat": event.enabled}
        case e.MessagesDeleted():
            return "messages_deleted", _given(seq=event.seq, client_id=event.client_id)
        case e.DoorLocked():
            return "locked", {"locked": event.locked}
        case e.DetailsChanged():
            return "room_changed", room_state(event.details)
        case e.SessionCancelled():
            return "session_cancelled", {"phase": "cancelled", "cancelled": True}
        case e.EndAnnounced():
            return "ending_soon", {"minutes": event.minutes}
        case _:
            assert_never(event)


def _given(**fields: Any) -> Message:
    """The fields that have a value, for fields that a client does not get otherwise."""
    return {name: value for name, value in fields.items() if value is not None}


def chat_line(
    chat: e.ChatMessageSent | ChatLine, names: Mapping[str, str], instructor: str | None
) -> Message:
    """A chat message as clients get it; ``instructor`` is the name of staff who gave none."""
    line = {**_person(chat.client_id, names), "message": chat.message}
    if not chat.by_staff:
        return line
    return {**line, "name": names.get(chat.client_id) or instructor or line["name"], "by_staff": True}


def _person(client_id: str, names: Mapping[str, str]) -> Message:
    return {"client_id": client_id, "name": name_of(client_id, names)}


def staff_message(event: e.Event, *, session_id: str, at: Millis, names: Mapping[str, str]) -> Message | None:
    """The message of an event that only staff get, or None."""
    match event:
        case e.TechniqueRated():
            content: Message = {"technique": event.technique, "rating": event.rating}
            if event.difficulty is not None:
                content["difficulty"] = event.difficulty
            return message("technique_feedback", session_id, at, content, client_id=event.client_id)
        case e.HandRaised():
            content = {**_person(event.client_id, names), "raised": event.raised}
            return message("hand_raised", session_id, at, content)
        case e.StopNeeded():
            content = {**_person(event.client_id, names), "stopped": event.stopped}
            return message("need_to_stop", session_id, at, content)
        case e.SessionRated():
            content = {"rating": event.rating}
            return message("session_feedback", session_id, at, content, client_id=event.client_id)
        case e.SeatVouched():
            content = {"client_id": event.client_id, "vouched": event.vouched}
            return message("seat_vouched", session_id, at, content)
        case _:
            return None


def name_of(client_id: str, names: Mapping[str, str]) -> str:
    """What somebody is called: their name, or a pseudonym that is always theirs."""
    return names.get(client_id) or pseudonym(client_id)


@lru_cache(maxsize=512)
def technique_state(span: Span) -> Message:
    """A technique as clients get it; its pattern in milliseconds, ready for a pacer. Shared, like ``room_state``."""
    technique = named(span.technique, _pattern(span.pattern))
    content: Message = {
        "technique": technique.name,
        "duration": span.duration,
        "instruction": span.instruction,
        "pattern": technique.pattern.as_json() if technique.pattern else None,
        "started_at": iso(span.started_at),
    }
    return content | _opt_in(technique)


def plan_of(plan: tuple[TechniquePlan, ...]) -> list[Message]:
    """The planned techniques with their cautions, as somebody reads them before joining."""
    planned: list[Message] = []
    for item in plan:
        technique = named(item.technique, _pattern(item.pattern))
        planned.append(
            {
                "technique": technique.name,
                "slug": technique.slug,
                "duration": item.duration,
                "instruction": item.instruction,
                "pattern": technique.pattern.as_json() if technique.pattern else None,
                "summary": technique.summary,
                "cautions": list(technique.cautions),
                "opt_in": None,
                **_opt_in(technique),
            }
        )
    return planned


def _opt_in(technique: Technique) -> Message:
    if technique.group is None:
        return {}
    opt_in: Message = {"opt_in": technique.group}
    if technique.gentle is not None:
        gentle = named(technique.gentle)
        opt_in["gentle"] = {
            "technique": gentle.name,
            "instruction": gentle.summary,
            "pattern": gentle.pattern.as_json() if gentle.pattern else None,
        }
    return opt_in


def _pattern(steps: tuple[float, float, float, float] | None) -> Pattern | None:
    return None if steps is None else Pattern.of(*steps)


@lru_cache(maxsize=512)
def room_state(details: Details) -> Message:
    """A session's details as everybody in it may see them. Cached and shared: never changed by its readers."""
    return {
        "title": details.title,
        "instructor": details.instructor,
        "scheduled_start": iso(details.scheduled_start),
        "description": details.description,
        "place": details.place,
        "listen_url": details.listen_url,
        "visibility": details.visibility,
        "chat": details.chat,
        "max_participants": details.max_participants,
        "access": details.access,
        "plan": plan_of(details.techniques),
    }


def welcome_state(state: Session, at: Millis) -> Message:
    """The current state of a session, for the top level of a welcome.

    ``announcement``: the words of the staff that stand on the screens, said since the present technique began.
    """
    current, coming = state.technique_at(at), state.next_technique(at)
    announcement = state.announcement
    stands = announcement is not None and (current is None or announcement.at >= current.started_at)
    return {
        **room_state(state.details),
        "phase": str(state.phase),
        "participant_count": state.count(),
        "started_at": None if state.started_at is None else iso(state.started_at),
        "opens_at": iso(state.opens_at),
        "technique": None if current is None else technique_state(current),
        "next_technique": None if coming is None else technique_state(coming),
        "resting": state.resting,
        "locked": state.locked,
        "announcement": announcement_of(announcement) if announcement is not None and stands else None,
    }


def announcement_of(announcement: e.Announced | Announcement) -> Message:
    """An announcement as clients get it."""
    announced: Message = {"title": announcement.title, "message": announcement.message}
    if announcement.action_url is not None:
        announced["action_url"] = announcement.action_url
    return announced
