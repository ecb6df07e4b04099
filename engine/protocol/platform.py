"""Parse platform events, ``{type, session_id?, id?, timestamp?, data}``, into reports.

``timestamp`` is when it happened. Without an ``id``, the same type, ``timestamp`` and data are the same event.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from engine.domain import commands as c
from engine.domain.commands import Link, Percent, TechniqueName
from engine.domain.instant import MINUTE, Millis, from_datetime
from engine.domain.rejection import Invalid
from engine.domain.text import Name, Paragraphs, WholeNumber
from engine.protocol.reasons import reasons

__all__ = ["CLOCK_TOLERANCE", "EVENT_TYPES", "PlatformEvent", "PlatformReport", "read_event"]

CLOCK_TOLERANCE: Millis = 5 * MINUTE
"""How far ahead of this server's clock a platform's may be."""
_SECONDS_BELOW = 100_000_000_000
"""Unix times below this are in seconds: as milliseconds they would lie before April 1973."""
_EARLIEST = from_datetime(datetime(2000, 1, 1))  # noqa: DTZ001 — taken as UTC

Count = Annotated[WholeNumber, Field(ge=0, le=1_000_000)]
Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartedData(_Strict):
    title: Name | None = None
    instructor: Annotated[Name, Field(max_length=100)] | None = None
    scheduled_duration: Count | None = None


class PersonData(_Strict):
    """Who came or left: by ``participant_id``, or by ``name`` where the platform has nothing else."""

    participant_id: Name | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _somebody(self) -> PersonData:
        if self.participant_id is None and self.name is None:
            raise ValueError("one of participant_id and name is required")
        return self


class TechniqueData(_Strict):
    technique: TechniqueName
    duration: Count | None = None
    instruction: Paragraphs | None = None


class MilestoneData(_Strict):
    improvement: Percent
    average_hrv: Figure | None = None


class AchievementData(_Strict):
    title: Name | None = None
    description: Paragraphs | None = None
    badge_url: Link | None = None


class EndedData(_Strict):
    duration: Count | None = None
    total_participants: Count | None = None
    average_hrv_improvement: Percent | None = None


def _moment(value: Any, info: ValidationInfo) -> Any:
    """The instant in milliseconds; not more than ``CLOCK_TOLERANCE`` after the ``now`` of the context."""
    if value is None:
        return None
    at = _milliseconds(value)
    if at < _EARLIEST:
        raise ValueError("must lie after the year 1999: Unix times are in seconds or in milliseconds")
    if info.context is not None and at > info.context["now"] + CLOCK_TOLERANCE:
        raise ValueError("lies more than 5 minutes ahead of this server's clock")
    return at


def _milliseconds(value: Any) -> Millis:
    wrong = ValueError("must be an ISO 8601 date and time, or a Unix time in seconds or milliseconds")
    try:
        match value:
            case str():
                return from_datetime(datetime.fromisoformat(value.strip()))
            case int() | float() if not isinstance(value, bool):
                # A float beyond all bounds has no whole number; one that is none raises as well.
                return round(value * 1000 if abs(value) < _SECONDS_BELOW else value)
            case _:
                raise wrong
    except (ValueError, OverflowError):
        raise wrong from None


Timestamp = Annotated[
    int | None,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
            "default": None,
            "description": "When it happened: ISO 8601 (without a zone it is UTC), or a Unix time in seconds or"
            " milliseconds. At most 5 minutes ahead.",
        }
    ),
]


class _Envelope(_Strict):
    session_id: str | None = None
    id: Annotated[Name, Field(max_length=200)] | None = None
    timestamp: Timestamp = None


class SessionStartedEvent(_Envelope):
    type: Literal["session.started"]
    data: StartedData = StartedData()


class ParticipantJoinedEvent(_Envelope):
    type: Literal["participant.joined"]
    data: PersonData


class ParticipantLeftEvent(_Envelope):
    type: Literal["participant.left"]
    data: PersonData


class TechniqueChangedEvent(_Envelope):
    type: Literal["technique.changed"]
    data: TechniqueData


class HrvMilestoneEvent(_Envelope):
    type: Literal["hrv.milestone"]
    data: MilestoneData


class AchievementUnlockedEvent(_Envelope):
    type: Literal["achievement.unlocked"]
    data: AchievementData = AchievementData()


class SessionEndedEvent(_Envelope):
    type: Literal["session.ended"]
    data: EndedData = EndedData()


PlatformEvent: TypeAlias = Annotated[
    SessionStartedEvent
    | ParticipantJoinedEvent
    | ParticipantLeftEvent
    | TechniqueChangedEvent
    | HrvMilestoneEvent
    | AchievementUnlockedEvent
    | SessionEndedEvent,
    Field(discriminator="type"),
]

EVENT_TYPES = (
    "session.started",
    "participant.joined",
    "participant.left",
    "technique.changed",
    "hrv.milestone",
    "achievement.unlocked",
    "session.ended",
)


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


def _key(event: _Envelope) -> str | None:
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
