"""The format of platform events: ``{type, session_id?, id?, timestamp?, data}``, one model for each type."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from engine.domain.commands import Link, Percent, TechniqueName
from engine.domain.instant import MINUTE, Millis, from_datetime
from engine.domain.text import Name, Paragraphs, WholeNumber

__all__ = [
    "CLOCK_TOLERANCE",
    "EVENT_TYPES",
    "AchievementUnlockedEvent",
    "HrvMilestoneEvent",
    "ParticipantJoinedEvent",
    "ParticipantLeftEvent",
    "PersonData",
    "PlatformEnvelope",
    "PlatformEvent",
    "SessionEndedEvent",
    "SessionStartedEvent",
    "TechniqueChangedEvent",
]

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


class PlatformEnvelope(_Strict):
    session_id: str | None = None
    id: Annotated[Name, Field(max_length=200)] | None = None
    timestamp: Timestamp = None


class SessionStartedEvent(PlatformEnvelope):
    type: Literal["session.started"]
    data: StartedData = StartedData()


class ParticipantJoinedEvent(PlatformEnvelope):
    type: Literal["participant.joined"]
    data: PersonData


class ParticipantLeftEvent(PlatformEnvelope):
    type: Literal["participant.left"]
    data: PersonData


class TechniqueChangedEvent(PlatformEnvelope):
    type: Literal["technique.changed"]
    data: TechniqueData


class HrvMilestoneEvent(PlatformEnvelope):
    type: Literal["hrv.milestone"]
    data: MilestoneData


class AchievementUnlockedEvent(PlatformEnvelope):
    type: Literal["achievement.unlocked"]
    data: AchievementData = AchievementData()


class SessionEndedEvent(PlatformEnvelope):
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
