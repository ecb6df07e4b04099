"""A published session as one line of an export, and as the snapshot that an import makes of it again.

A line has the fields of a session's content as the API takes them, and what only an export knows: ``visibility``,
``published_at``, ``updated_at``, ``guid``, ``content_id``, and ``story`` with what was recorded. Of these none is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID, uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from engine.domain.instant import HOUR, Millis, from_datetime, iso
from engine.domain.labels import Place, Visibility
from engine.domain.snapshot import Achieved, GroupPoint, Origin, Quote, Reached, Snapshot, TechniqueSpan
from engine.domain.text import Name, Paragraphs
from publisher.catalogue.listing import Published
from publisher.catalogue.quotes import quote_key
from publisher.content import ANY_AGE, Moment, SessionContentStrict, field_errors, json_value, snapshot_of
from publisher.rendering.setting_types import ZoneName

__all__ = ["line_of", "snapshot_of_line"]

_MOST_PARTS = 2000
_LONGEST: Millis = 24 * HOUR
_GUID = re.compile(r"urn:uuid:[0-9a-f-]{36}|https?://[!-~]{1,490}")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_EXPORTED: Mapping[str, Any] = {
    "visibility": "public",
    **dict.fromkeys(("published_at", "updated_at", "guid", "content_id", "story")),
}
"""The fields that only an export has, and what they are where a line lacks them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _DecidedQuote(_Part):
    """A participant's words, and what the studio decided on them."""

    text: Paragraphs
    name: Name | None = None
    state: Literal["waiting", "approved", "withdrawn"] = "waiting"


class _Story(_Part):
    """What was recorded of a session, and how it was published."""

    source: Literal["live", "api", "import"] = "import"
    place: Place | None = None
    channels: Annotated[tuple[str, ...], Field(max_length=20)] = ("web",)
    approved: bool = True
    timeline: Annotated[tuple[TechniqueSpan, ...], Field(max_length=_MOST_PARTS)] = ()
    curves: Annotated[tuple[GroupPoint, ...], Field(max_length=_MOST_PARTS)] = ()
    milestones: Annotated[tuple[Reached, ...], Field(max_length=_MOST_PARTS)] = ()
    achievements: Annotated[tuple[Achieved, ...], Field(max_length=_MOST_PARTS)] = ()
    quotes: Annotated[tuple[_DecidedQuote, ...], Field(max_length=_MOST_PARTS)] = ()
    completion_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    engagement_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    average_rating: Annotated[float, Field(ge=1, le=5)] | None = None
    ended_at: Millis | None = None
    time_zone: ZoneName | None = None
    unstated: Annotated[tuple[Literal["content", "key_achievements"], ...], Field(max_length=2)] = ()
    """Fields that the content must have and nobody stated: the export filled them in."""


def _within_a_day(story: _Story) -> _Story:
    spans = story.timeline
    numbers = [value for span in spans for value in (span.start_s, span.duration_s, *(span.pattern or ()))]
    numbers += [point.t_s for point in story.curves]
    numbers += [reached.t_s for reached in story.milestones]
    numbers += [achieved.t_s for achieved in story.achievements]
    if any(not 0 <= value <= _LONGEST / 1000 for value in numbers):
        raise ValueError("a time or length that no session has")
    return story


_STORY: TypeAdapter[_Story] = TypeAdapter(
    Annotated[_Story, AfterValidator(_within_a_day), BeforeValidator(json_value)]
)


def line_of(snapshot: Snapshot, entry: Published, quote_states: Mapping[str, str]) -> dict[str, Any]:
    """Everything that is published of a session."""
    unstated = [
        *(["content"] if not snapshot.content else []),
        *(["key_achievements"] if not snapshot.key_achievements and snapshot.achievements else []),
    ]
    content = SessionContentStrict.model_validate(
        {
            "title": snapshot.title,
            "content": snapshot.content or snapshot.title,
            "session_id": snapshot.session_id,
            "session_duration": snapshot.session_duration,
            "participant_count": snapshot.participant_count,
            "breathing_techniques": list(snapshot.breathing_techniques),
            "average_hrv_improvement": snapshot.average_hrv_improvement,
            "key_achievements": list(snapshot.key_achievements) or _titles(snapshot),
            "session_type": snapshot.session_type,
            "instructor_name": snapshot.instructor_name,
            "session_date": iso(snapshot.session_date),
            "metrics_summary": snapshot.metrics_summary,
            "participant_feedback": {
                "items": [{"participant_name": n, "comment": c} for n, c in snapshot.participant_feedback]
            },
        },
        context=ANY_AGE,
    )
    story = snapshot.model_dump(
        mode="json", include=set(_Story.model_fields) - {"quotes", "time_zone", "unstated"}
    )
    quotes = [
        {"text": quote.text, "name": quote.name, "state": quote_states.get(quote_key(quote), "waiting")}
        for quote in snapshot.quotes
    ]
    if snapshot.time_zone is not None:
        story["time_zone"] = snapshot.time_zone
    return {
        **content.model_dump(mode="json"),
        "visibility": snapshot.visibility,
        "published_at": iso(entry.published_at),
        "updated_at": iso(entry.updated_at),
        "guid": entry.guid,
        "content_id": snapshot.content_id,
        "story": {**story, "quotes": quotes, "unstated": unstated},
    }


def snapshot_of_line(line: Mapping[str, Any]) -> Snapshot | str:
    """The snapshot of a line, or the reasons why it is refused."""
    body = dict(line)
    own = {name: body.pop(name, default) for name, default in _EXPORTED.items()}
    reasons = _wrong_in(own)
    content = story = None
    try:
        content = SessionContentStrict.model_validate(body, context=ANY_AGE)
    except ValidationError as error:
        reasons += [f"{field}: {reason}" for field, reason in field_errors(error).items()]
    try:
        story = None if own["story"] is None else _STORY.validate_python(own["story"])
    except ValidationError as error:
        reasons += [f"story.{field}: {reason}" for field, reason in field_errors(error).items()]
    if content is not None and not content.published:
        reasons.append("published: false, so it may not go live")
    if content is None or reasons:
        return "; ".join(reasons)
    made = snapshot_of(
        content,
        content_id=own["content_id"] or str(uuid4()),
        source="import",
        channels=("web",),
        approved=True,
        visibility=own["visibility"],
    )
    origin = Origin(
        published_at=_millis(own["published_at"]),
        updated_at=_millis(own["updated_at"]),
        guid=own["guid"],
        quotes={} if story is None else {quote_key(quote): state for quote, state in _quotes(story)},
        time_zone=None if story is None else story.time_zone,
    )
    made = made.model_copy(update={"origin": origin})
    return made if story is None else _with_story(made, story)


def _wrong_in(own: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields that only an export has, but for its story."""
    reasons = []
    if own["visibility"] not in get_args(Visibility):
        reasons.append("visibility: one of public, unlisted, private")
    guid, content_id = own["guid"], own["content_id"]
    if guid is not None and not (isinstance(guid, str) and _GUID.fullmatch(guid)):
        reasons.append("guid: an address, or urn:uuid: with a UUID")
    if content_id is not None and not _is_uuid(content_id):
        reasons.append("content_id: a UUID")
    return reasons + [
        f"{name}: a date and time as in 2024-03-21T10:00:00Z"
        for name in ("published_at", "updated_at")
        if own[name] is not None and _millis(own[name]) is None
    ]


def _with_story(made: Snapshot, story: _Story) -> Snapshot | str:
    """The snapshot with what was recorded of the session, or why that is refused."""
    ended_at = made.ended_at if story.ended_at is None else story.ended_at
    if not made.session_date <= ended_at <= made.session_date + _LONGEST:
        return "story.ended_at: not within a day of the beginning"
    recorded = {
        name: getattr(story, name) for name in _Story.model_fields if name not in ("quotes", "unstated")
    }
    made = made.model_copy(
        update={**recorded, "ended_at": ended_at, "quotes": tuple(quote for quote, _ in _quotes(story))}
    )
    # Somebody may have written something else into the file since.
    is_filled_in = {
        "content": made.content == made.title,
        "key_achievements": list(made.key_achievements) == _titles(made),
    }
    nothing: dict[str, Any] = {"content": None, "key_achievements": ()}
    return made.model_copy(update={name: nothing[name] for name in story.unstated if is_filled_in[name]})


def _titles(snapshot: Snapshot) -> list[str]:
    return [each.title for each in snapshot.achievements][:10]


def _quotes(story: _Story) -> Iterator[tuple[Quote, str]]:
    for each in story.quotes:
        yield Quote(text=each.text, name=each.name), each.state


def _millis(value: Any) -> Millis | None:
    """The instant of a date and time; None where it is none."""
    try:
        return from_datetime(_MOMENT.validate_python(value))
    except ValidationError:
        return None


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
