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

from engine.domain.instant import CLOCK_TOLERANCE, Millis, from_datetime
from engine.domain.text import Name, Paragraphs, WholeNumber
from engine.domain.values import Link, Percent, TechniqueName

__all__ = [
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

_SECONDS_BELOW = 100_000_000_000
"""Unix times below this are in seconds: as milliseconds they would lie before April 1973."""
_EARLIEST = from_datetime(datetime(2000, 1, 1))  # noqa: DTZ001 — taken as UTC

Count = Annotated[WholeNumber, Field(ge=0, le=1_000_000)]
Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartedData(_Strict):
    """What a platform says of a beginning."""

    title: Annotated[Name | None, Field(description="What the session is called.")] = None
    instructor: Annotated[
        Annotated[Name, Field(max_length=100)] | None, Field(description="Who leads it.")
    ] = None
    scheduled_duration: Annotated[
        Count | None, Field(description="How long it is meant to last, in seconds.")
    ] = None


class PersonData(_Strict):
    """Who came or left: by `participant_id`, or by `name` where the platform has nothing else."""

    participant_id: Annotated[
        Name | None, Field(description="Who it is, always the same id for the same person.")
    ] = None
    name: Annotated[Name | None, Field(description="What they are called.")] = None

    @model_validator(mode="after")
    def _somebody(self) -> PersonData:
        if self.participant_id is None and self.name is None:
            raise ValueError("one of participant_id and name is required")
        return self


class TechniqueData(_Strict):
    """The technique that begins."""

    technique: Annotated[TechniqueName, Field(description="The name of the technique.")]
    duration: Annotated[Count | None, Field(description="How long it is meant to last, in seconds.")] = None
    instruction: Annotated[Paragraphs | None, Field(description="Words on it, for everybody.")] = None


class MilestoneData(_Strict):
    """How far the group came."""

    improvement: Annotated[Percent, Field(description="How far its HRV rose, in percent.")]
    average_hrv: Annotated[Figure | None, Field(description="The average HRV.")] = None


class AchievementData(_Strict):
    """What the group reached."""

    title: Annotated[Name | None, Field(description="What it is called.")] = None
    description: Annotated[Paragraphs | None, Field(description="What it is for.")] = None
    badge_url: Annotated[
        Link | None, Field(description="Its picture: a path of this host, or an https address.")
    ] = None


class EndedData(_Strict):
    """What a platform says of an end; its figures count more than computed ones."""

    duration: Annotated[Count | None, Field(description="How long it lasted, in seconds.")] = None
    total_participants: Annotated[Count | None, Field(description="How many people took part.")] = None
    average_hrv_improvement: Annotated[
        Percent | None, Field(description="How far their HRV rose, in percent.")
    ] = None


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
    """What every event of a platform has."""

    session_id: Annotated[str | None, Field(description="The session; if given, that of the address.")] = None
    id: Annotated[
        Annotated[Name, Field(max_length=200)] | None,
        Field(description="Yours for this event: the same again happens once."),
    ] = None
    timestamp: Timestamp = None


class SessionStartedEvent(PlatformEnvelope):
    """The session began."""

    type: Annotated[Literal["session.started"], Field(description="The kind of event.")]
    data: Annotated[StartedData, Field(description="What the platform says of it.")] = StartedData()


class ParticipantJoinedEvent(PlatformEnvelope):
    """Somebody came."""

    type: Annotated[Literal["participant.joined"], Field(description="The kind of event.")]
    data: Annotated[PersonData, Field(description="What the platform says of it.")]


class ParticipantLeftEvent(PlatformEnvelope):
    """Somebody left."""

    type: Annotated[Literal["participant.left"], Field(description="The kind of event.")]
    data: Annotated[PersonData, Field(description="What the platform says of it.")]


class TechniqueChangedEvent(PlatformEnvelope):
    """A technique begins."""

    type: Annotated[Literal["technique.changed"], Field(description="The kind of event.")]
    data: Annotated[TechniqueData, Field(description="What the platform says of it.")]


class HrvMilestoneEvent(PlatformEnvelope):
    """The group's HRV rose."""

    type: Annotated[Literal["hrv.milestone"], Field(description="The kind of event.")]
    data: Annotated[MilestoneData, Field(description="What the platform says of it.")]


class AchievementUnlockedEvent(PlatformEnvelope):
    """The group reached something together."""

    type: Annotated[Literal["achievement.unlocked"], Field(description="The kind of event.")]
    data: Annotated[AchievementData, Field(description="What the platform says of it.")] = AchievementData()


class SessionEndedEvent(PlatformEnvelope):
    """The session is over."""

    type: Annotated[Literal["session.ended"], Field(description="The kind of event.")]
    data: Annotated[EndedData, Field(description="What the platform says of it.")] = EndedData()


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
