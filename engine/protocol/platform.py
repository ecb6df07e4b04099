"""Platform events: ``{type, session_id?, id?, timestamp?, data}``, checked and turned into a report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.domain import commands as c
from engine.domain.commands import Link, Percent, TechniqueName
from engine.domain.rejection import Invalid
from engine.domain.text import Name, Paragraphs, WholeNumber
from engine.protocol.reasons import reasons

__all__ = ["EVENT_TYPES", "PlatformEvent", "Reported", "read_event"]

Count = Annotated[WholeNumber, Field(ge=0, le=1_000_000)]
Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartedData(_Strict):
    title: Name | None = None
    instructor: Annotated[Name, Field(max_length=100)] | None = None
    scheduled_duration: Count | None = None


class JoinedData(_Strict):
    participant_id: Name | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _somebody(self) -> JoinedData:
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


class _Envelope(_Strict):
    session_id: str | None = None
    id: Annotated[Name, Field(max_length=200)] | None = None
    timestamp: str | None = None

    @field_validator("timestamp")
    @classmethod
    def _moment(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise ValueError("must be an ISO 8601 date and time") from None
        return text


class SessionStartedEvent(_Envelope):
    type: Literal["session.started"]
    data: StartedData = StartedData()


class ParticipantJoinedEvent(_Envelope):
    type: Literal["participant.joined"]
    data: JoinedData


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
    | TechniqueChangedEvent
    | HrvMilestoneEvent
    | AchievementUnlockedEvent
    | SessionEndedEvent,
    Field(discriminator="type"),
]

EVENT_TYPES = (
    "session.started",
    "participant.joined",
    "technique.changed",
    "hrv.milestone",
    "achievement.unlocked",
    "session.ended",
)


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, with the ``id`` by which a repetition is known."""

    command: c.Report
    id: str | None = None


_ADAPTER: TypeAdapter[PlatformEvent] = TypeAdapter(PlatformEvent)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,100}")


def read_event(outer: Any, session_id: str) -> Reported:
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
        raise Invalid(
            "unknown_event",
            f"An event has a type, one of {', '.join(EVENT_TYPES)}.",
            {"type": "required" if kind is None else "unknown", **other},
        )
    try:
        event = _ADAPTER.validate_python(outer)
    except ValidationError as wrong:
        found = {
            field.removeprefix(f"{kind}.") if "." in field else field: reason
            for field, reason in reasons(wrong).items()
        }
        raise Invalid("invalid_event", f"This {kind} is wrong.", found | other) from None
    if other:
        raise Invalid("other_session", f"This event names another session than {session_id}.", other)
    return _READ[type(event)](event)


def _started(event: SessionStartedEvent) -> Reported:
    data = event.data
    return Reported(c.ReportStarted(data.title, data.instructor, data.scheduled_duration), event.id)


def _joined(event: ParticipantJoinedEvent) -> Reported:
    given = event.data.participant_id or event.data.name or ""
    # A name never becomes an id: ids are seen by others and stay when names go.
    known = event.data.participant_id is not None and _CLIENT_ID.fullmatch(given)
    client_id = given if known else "p-" + hashlib.sha256(given.encode()).hexdigest()[:16]
    return Reported(c.ReportJoined(client_id, event.data.name), event.id)


def _technique(event: TechniqueChangedEvent) -> Reported:
    data = event.data
    return Reported(c.ReportTechnique(data.technique, data.duration, data.instruction), event.id)


def _milestone(event: HrvMilestoneEvent) -> Reported:
    return Reported(c.ReportMilestone(event.data.improvement, event.data.average_hrv), event.id)


def _achievement(event: AchievementUnlockedEvent) -> Reported:
    data = event.data
    title = data.title or (data.description or "Achievement").splitlines()[0][:200]
    return Reported(c.ReportAchievement(title, data.description or "", data.badge_url), event.id)


def _ended(event: SessionEndedEvent) -> Reported:
    data = event.data
    return Reported(
        c.ReportEnded(data.duration, data.total_participants, data.average_hrv_improvement), event.id
    )


_READ: Mapping[type, Callable[[Any], Reported]] = {
    SessionStartedEvent: _started,
    ParticipantJoinedEvent: _joined,
    TechniqueChangedEvent: _technique,
    HrvMilestoneEvent: _milestone,
    AchievementUnlockedEvent: _achievement,
    SessionEndedEvent: _ended,
}
