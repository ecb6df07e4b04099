"""What may be published: the content of a session as a caller states it, checked field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.instant import Millis, from_datetime, to_datetime
from engine.domain.labels import SessionType, Visibility
from engine.domain.snapshot import Snapshot
from engine.domain.text import Name, Paragraphs, SessionId, WholeNumber, line, paragraphs, trimmed

__all__ = [
    "ANY_AGE",
    "Feedback",
    "FeedbackItem",
    "SessionContentStrict",
    "field_errors",
    "judged_at",
    "snapshot_of",
]

LONGEST_AGE = timedelta(days=30)
CLOCK_TOLERANCE = timedelta(minutes=5)
RECOMMENDED_PARTICIPANTS = 100
WORKSHOP_PARTICIPANTS = 5
_DEEPEST_METRICS = 20

ANY_AGE: Mapping[str, Any] = {"any_age": True}
"""Validation context of imports and rebuilds: the session may be of any age."""

_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)


def judged_at(now: Millis) -> dict[str, Any]:
    """Validation context: the age of the session is judged at ``now``."""
    return {"now": now}


def _moment(value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value.strip()):
        raise ValueError("a date and time as in 2024-03-21T10:00:00Z")
    try:
        return datetime.fromisoformat(value.strip().upper())
    except ValueError as error:
        raise ValueError(f"no such moment: {error}") from None


def _in_utc(value: datetime) -> datetime:
    # A zone may push the first or the last day of the calendar over its edge.
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such moment") from None


def _finite(value: Any) -> Any:
    """Only what JSON can say, in reasonable depth: NaN and Infinity would spoil every later answer."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > _DEEPEST_METRICS:
            raise ValueError(f"nested deeper than {_DEEPEST_METRICS} levels")
        match item:
            case None | bool() | int():
                pass
            case float():
                if not math.isfinite(item):
                    raise ValueError("NaN and Infinity are not allowed")
            case str():
                paragraphs(item)
            case list() | tuple():
                pending.extend((each, depth + 1) for each in item)
            case dict():
                for key, each in item.items():
                    if not isinstance(key, str):
                        raise ValueError("names are texts")
                    line(key)
                    pending.append((each, depth + 1))
            case _:
                raise ValueError(f"{type(item).__name__} is not a value of JSON")
    return value


_Technique = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=100),
    AfterValidator(line),
    BeforeValidator(trimmed),
]
_Achievement = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=500),
    AfterValidator(line),
    BeforeValidator(trimmed),
]
_Person = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=100),
    AfterValidator(line),
    BeforeValidator(trimmed),
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FeedbackItem(_Strict):
    """What one participant said, and by which name."""

    participant_name: Name
    comment: Paragraphs


class Feedback(_Strict):
    """What participants said, in the caller's order."""

    items: list[FeedbackItem] = Field(default_factory=list, max_length=1000)


class SessionContentStrict(_Strict):
    """A session's content: strict types, trimmed texts, inclusive bounds, no unknown fields.

    The age of ``session_date`` is judged at the present time, or as the validation context says: ``judged_at(now)``
    for a given moment, ``ANY_AGE`` for what was judged before.

    Raises:
        ValidationError: with every mistake; ``field_errors`` makes one sentence per field of it.
    """

    # The type comes first: what it demands of other fields is checked where they are.
    session_type: SessionType = "guided"
    title: Name
    content: Annotated[
        str,
        StringConstraints(strict=True, min_length=1, max_length=20_000),
        AfterValidator(paragraphs),
        BeforeValidator(trimmed),
    ]
    session_id: SessionId
    session_duration: Annotated[WholeNumber, Field(ge=1, le=7200)]
    """Seconds."""
    participant_count: Annotated[WholeNumber, Field(ge=1, le=1000)]
    breathing_techniques: Annotated[list[_Technique], Field(min_length=1, max_length=10)]
    average_hrv_improvement: Annotated[float, Field(ge=-100, le=200, allow_inf_nan=False)] | None = None
    """Percent."""
    key_achievements: Annotated[list[_Achievement], Field(max_length=10)] = Field(default_factory=list)
    instructor_name: _Person | None = Field(default=None, validate_default=True)
    session_date: Annotated[datetime, AfterValidator(_in_utc), BeforeValidator(_moment)]
    metrics_summary: Annotated[dict[str, Any], BeforeValidator(_finite)] | None = None
    participant_feedback: Feedback | None = None
    published: bool = True
    """Whether the content may go live."""

    @field_validator("participant_count")
    @classmethod
    def _enough_for_a_workshop(cls, count: int, info: ValidationInfo) -> int:
        if info.data.get("session_type") == "workshop" and count < WORKSHOP_PARTICIPANTS:
            raise ValueError(f"a workshop needs at least {WORKSHOP_PARTICIPANTS} participants")
        return count

    @field_validator("instructor_name")
    @classmethod
    def _live_has_an_instructor(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None and info.data.get("session_type") == "live":
            raise ValueError("a live session needs its instructor's name")
        return name

    @field_validator("session_date")
    @classmethod
    def _of_the_last_days(cls, moment: datetime, info: ValidationInfo) -> datetime:
        context = info.context or {}
        if context.get("any_age"):
            return moment
        now = to_datetime(context["now"]) if "now" in context else datetime.now(UTC)
        if moment > now + CLOCK_TOLERANCE:
            raise ValueError("the session lies in the future")
        if moment < now - LONGEST_AGE:
            raise ValueError(f"the session is more than {LONGEST_AGE.days} days old")
        return moment

    def warnings(self) -> list[str]:
        """What is allowed and still worth saying."""
        if self.participant_count > RECOMMENDED_PARTICIPANTS:
            return [
                f"{self.participant_count} participants: up to {RECOMMENDED_PARTICIPANTS} are recommended for a "
                "good experience"
            ]
        return []


_REASONS = {"missing": "this field is required", "extra_forbidden": "unknown field"}


def field_errors(error: ValidationError) -> dict[str, str]:
    """One reason per wrong field, its limit named: ``{"session_duration": "… less than or equal to 7200"}``."""
    reasons: dict[str, str] = {}
    for mistake in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in mistake["loc"]) or "body"
        told = _REASONS.get(mistake["type"]) or mistake["msg"].removeprefix("Value error, ")
        reasons.setdefault(field, told)
    return reasons


def snapshot_of(
    content: SessionContentStrict,
    *,
    content_id: str,
    version: int = 1,
    source: Literal["api", "import"] = "api",
    channels: tuple[str, ...] = SUMMARY_CHANNELS,
    approved: bool = False,
    visibility: Visibility = "public",
) -> Snapshot:
    """The snapshot that stands for this content; two of the same content differ in their id and version only."""
    began = from_datetime(content.session_date)
    feedback = content.participant_feedback
    return Snapshot(
        session_id=content.session_id,
        content_id=content_id,
        version=version,
        source=source,
        title=content.title,
        content=content.content,
        session_type=content.session_type,
        instructor_name=content.instructor_name,
        session_date=began,
        session_duration=content.session_duration,
        participant_count=content.participant_count,
        # A name given twice is one technique.
        breathing_techniques=tuple(dict.fromkeys(content.breathing_techniques)),
        average_hrv_improvement=content.average_hrv_improvement,
        key_achievements=tuple(content.key_achievements),
        metrics_summary=content.metrics_summary or {},
        participant_feedback=tuple((i.participant_name, i.comment) for i in feedback.items)
        if feedback
        else (),
        visibility=visibility,
        channels=tuple(dict.fromkeys(channels)),
        approved=approved,
        ended_at=began + content.session_duration * 1000,
    )
