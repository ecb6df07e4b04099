"""The content of a session as a caller of the API or an import states it: a strict pydantic model, and its snapshot."""

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
from engine.domain.instant import CLOCK_TOLERANCE, Millis, from_datetime, to_datetime
from engine.domain.labels import SMALLEST_WORKSHOP, SessionType, Visibility
from engine.domain.snapshot import Snapshot
from engine.domain.text import Name, Paragraphs, SessionId, WholeNumber, line, paragraphs, trimmed
from engine.domain.validation_errors import error_details

__all__ = [
    "ANY_AGE",
    "Feedback",
    "FeedbackItem",
    "Moment",
    "SessionContentStrict",
    "field_errors",
    "json_value",
    "judged_at",
    "snapshot_of",
]

LONGEST_AGE = timedelta(days=30)
RECOMMENDED_PARTICIPANTS = 100
_DEEPEST_NESTING = 20

ANY_AGE: Mapping[str, Any] = {"any_age": True}
"""Validation context of imports: the session may be of any age."""

_DATE_AND_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)


def judged_at(now: Millis) -> dict[str, Any]:
    """Validation context: the age of the session is judged at ``now``."""
    return {"now": now}


def _parsed_datetime(value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, str):
        return value
    if not _DATE_AND_TIME.fullmatch(value.strip()):
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


def json_value(value: Any) -> Any:
    """Check that a value is JSON of limited depth; NaN and Infinity would make every later response invalid."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > _DEEPEST_NESTING:
            raise ValueError(f"nested deeper than {_DEEPEST_NESTING} levels")
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


Moment = Annotated[datetime, AfterValidator(_in_utc), BeforeValidator(_parsed_datetime)]
"""A date and time in ISO 8601; without a zone it is UTC."""

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
    """A participant's comment, and the name to show with it."""

    participant_name: Name
    comment: Paragraphs


class Feedback(_Strict):
    """Comments of participants, in the caller's order."""

    items: list[FeedbackItem] = Field(default_factory=list, max_length=1000)


class SessionContentStrict(_Strict):
    """A session's content: strict types, trimmed texts, inclusive bounds, no unknown fields.

    The age of ``session_date`` is judged at the present time, or as the validation context says: ``judged_at(now)``
    for a given moment, ``ANY_AGE`` for what was judged before.

    Raises:
        ValidationError: with every error; ``field_errors`` makes one sentence per field of it.
    """

    # The type comes first: the validators of other fields depend on it.
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
    session_date: Moment
    metrics_summary: Annotated[dict[str, Any], BeforeValidator(json_value)] | None = None
    participant_feedback: Feedback | None = None
    published: bool = True
    """Whether the content may go live."""

    @field_validator("participant_count")
    @classmethod
    def _check_workshop_size(cls, count: int, info: ValidationInfo) -> int:
        if info.data.get("session_type") == "workshop" and count < SMALLEST_WORKSHOP:
            raise ValueError(f"a workshop needs at least {SMALLEST_WORKSHOP} participants")
        return count

    @field_validator("instructor_name")
    @classmethod
    def _check_instructor_of_live(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None and info.data.get("session_type") == "live":
            raise ValueError("a live session needs its instructor's name")
        return name

    @field_validator("session_date")
    @classmethod
    def _check_age(cls, moment: datetime, info: ValidationInfo) -> datetime:
        context = info.context or {}
        if context.get("any_age"):
            return moment
        now = to_datetime(context["now"]) if "now" in context else datetime.now(UTC)
        if moment > now + timedelta(milliseconds=CLOCK_TOLERANCE):
            raise ValueError("the session lies in the future")
        if moment < now - LONGEST_AGE:
            raise ValueError(f"the session is more than {LONGEST_AGE.days} days old")
        return moment

    def warnings(self) -> list[str]:
        """Sentences about what is valid and still worth attention."""
        if self.participant_count > RECOMMENDED_PARTICIPANTS:
            return [
                f"{self.participant_count} participants: up to {RECOMMENDED_PARTICIPANTS} are recommended for a "
                "good experience"
            ]
        return []


_REASONS = {
    "missing": "this field is required",
    "extra_forbidden": "unknown field",
    # Pydantic's own sentence has the name of a class, which nobody outside knows.
    "model_type": "must be an object",
    "dict_type": "must be an object",
}


def field_errors(error: ValidationError) -> dict[str, str]:
    """One reason for each invalid field, with its limit: ``{"session_duration": "… less than or equal to 7200"}``."""
    reasons: dict[str, str] = {}
    for each in error_details(error):
        field = ".".join(str(part) for part in each["loc"]) or "body"
        reason = _REASONS.get(each["type"]) or each["msg"].removeprefix("Value error, ")
        reasons.setdefault(field, reason)
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
    """The snapshot of a content; two of the same content differ in ``content_id`` and ``version`` only."""
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
