"""Parse platform events into reports.

``timestamp`` is when it happened. Without an ``id``, the same type, ``timestamp`` and data are the same event.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid
from engine.protocol.platform_models import (
    EVENT_TYPES,
    AchievementUnlockedEvent,
    HrvMilestoneEvent,
    ParticipantJoinedEvent,
    ParticipantLeftEvent,
    PersonData,
    PlatformEnvelope,
    PlatformEvent,
    SessionEndedEvent,
    SessionStartedEvent,
    TechniqueChangedEvent,
)
from engine.protocol.reasons import reasons

__all__ = ["PlatformReport", "read_event"]


@dataclass(frozen=True, slots=True)
class PlatformReport:
    """A parsed platform event: its command and ``id``.

    ``name`` stands where a platform says only by name who left.

    ``key`` is its idempotency key: the ``id``, or else a digest of type, ``timestamp`` and data; None where it has neither ``id``
    nor ``timestamp``.
    """

    command: c.Report
    id: str | None = None
    name: str | None = None
    key: str | None = None


_ADAPTER: TypeAdapter[PlatformEvent] = TypeAdapter(PlatformEvent)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,100}")


def read_event(outer: Any, session_id: str, now: Millis) -> PlatformReport:
    """The report in a platform event that came in for ``session_id``.

    Raises:
        Invalid: what is wrong with which field; a ``session_id`` that is not the path's is.
    """
    if not isinstance(outer, dict):
        raise Invalid("invalid_event", "An event is a JSON object.", {"body": "must be an object"})
    named = outer.get("session_id")
    other = (
        {"session_id": "not the session of this address"}
        if isinstance(named, str) and named != session_id
        else {}
    )
    kind = outer.get("type")
    if kind not in EVENT_TYPES:
        named_as = None if kind is None else _printable(kind)
        raise Invalid(
            "unknown_event",
            f"{'An event needs a type' if named_as is None else f'There is no event {named_as}'};"
            f" there are {', '.join(EVENT_TYPES)}.",
            {"type": "required" if named_as is None else f"{named_as} is unknown", **other},
        )
    try:
        event = _ADAPTER.validate_python(outer, context={"now": now})
    except ValidationError as wrong:
        found = {
            field.removeprefix(f"{kind}.") if "." in field else field: reason
            for field, reason in reasons(wrong).items()
        }
        raise Invalid("invalid_event", f"This {kind} is wrong.", found | other) from None
    if other:
        raise Invalid("other_session", f"This event names another session than {session_id}.", other)
    return replace(_READ[type(event)](event), id=event.id, key=_key(event))


def _printable(kind: Any) -> str:
    # Whatever was sent as a type goes back in a message: lone surrogates could not.
    return str(kind)[:100].encode("utf-8", "replace").decode()


def _key(event: PlatformEnvelope) -> str | None:
    if event.id is not None or event.timestamp is None:
        return event.id
    content = event.model_dump_json(include={"type", "timestamp", "data"})
    return "said:" + hashlib.sha256(content.encode()).hexdigest()


def _started(event: SessionStartedEvent) -> PlatformReport:
    data = event.data
    return PlatformReport(
        c.ReportStarted(data.title, data.instructor, data.scheduled_duration, at=event.timestamp)
    )


def _client_id(person: PersonData) -> str:
    given = person.participant_id or person.name or ""
    # A name never becomes an id: ids are seen by others and stay when names go.
    known = person.participant_id is not None and _CLIENT_ID.fullmatch(given)
    return given if known else "p-" + hashlib.sha256(given.encode()).hexdigest()[:16]


def _joined(event: ParticipantJoinedEvent) -> PlatformReport:
    return PlatformReport(c.ReportJoined(_client_id(event.data), event.data.name, at=event.timestamp))


def _left(event: ParticipantLeftEvent) -> PlatformReport:
    # A name finds somebody only where there is no id to find them by.
    name = event.data.name if event.data.participant_id is None else None
    return PlatformReport(c.ReportLeft(_client_id(event.data), at=event.timestamp), name=name)


def _technique(event: TechniqueChangedEvent) -> PlatformReport:
    data = event.data
    return PlatformReport(
        c.ReportTechnique(data.technique, data.duration, data.instruction, at=event.timestamp)
    )


def _milestone(event: HrvMilestoneEvent) -> PlatformReport:
    data = event.data
    return PlatformReport(c.ReportMilestone(data.improvement, data.average_hrv, at=event.timestamp))


def _achievement(event: AchievementUnlockedEvent) -> PlatformReport:
    data = event.data
    title = data.title or (data.description or "Achievement").splitlines()[0][:200]
    return PlatformReport(
        c.ReportAchievement(title, data.description or "", data.badge_url, at=event.timestamp)
    )


def _ended(event: SessionEndedEvent) -> PlatformReport:
    data = event.data
    return PlatformReport(
        c.ReportEnded(
            data.duration, data.total_participants, data.average_hrv_improvement, at=event.timestamp
        )
    )


_READ: Mapping[type, Callable[[Any], PlatformReport]] = {
    SessionStartedEvent: _started,
    ParticipantJoinedEvent: _joined,
    ParticipantLeftEvent: _left,
    TechniqueChangedEvent: _technique,
    HrvMilestoneEvent: _milestone,
    AchievementUnlockedEvent: _achievement,
    SessionEndedEvent: _ended,
}
