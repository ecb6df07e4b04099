"""Request bodies and query strings, one model each: strict, and unknown fields are refused.

A vocabulary, and so a long module.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from engine.api.http.bodies import flag
from engine.domain.instant import Millis, from_datetime
from engine.domain.labels import Place, SessionType, Visibility
from engine.domain.text import Line, Name, Paragraphs, SessionId, integral_float_as_int
from engine.domain.values import Breath, Link, Seconds, TechniqueName, https_address
from publisher.catalogue.subscriptions import checked_address

__all__ = [
    "OPTIONAL",
    "Access",
    "AnnounceRequest",
    "Announcement",
    "Body",
    "Capacity",
    "ConsentRequest",
    "CreateRoom",
    "EditDetails",
    "EditRoom",
    "EmailRequest",
    "FeedbackRequest",
    "Flag",
    "Limit",
    "MailAddress",
    "Moment",
    "NotPrivateAndOpen",
    "Person",
    "Plan",
    "PlannedTechnique",
    "Query",
    "RoomBody",
    "SecureLink",
    "SessionFields",
    "read_moment",
]

_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_EARLIEST, _LATEST = (from_datetime(datetime(year, 1, 1)) for year in (2000, 2200))  # noqa: DTZ001 — taken as UTC


def read_moment(value: Any) -> Millis:
    """Parse a date and time in ISO 8601 into milliseconds; without a zone it is UTC.

    Raises:
        ValueError: it is none, or there is no such moment.
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        raise ValueError("must be a date and time like 2024-03-21T10:00:00Z")
    try:
        return from_datetime(datetime.fromisoformat(value.strip().upper()))
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


def _within_reason(at: Millis) -> Millis:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("must lie between the years 2000 and 2200")
    return at


Moment = Annotated[
    int,
    AfterValidator(_within_reason),
    BeforeValidator(read_moment),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "ISO 8601; without a zone it is UTC."}
    ),
]
Flag = Annotated[StrictBool, BeforeValidator(flag)]
"""``true`` or ``false`` in a query string."""


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) else value


Capacity = Annotated[int, Field(strict=True, ge=1, le=1000), BeforeValidator(integral_float_as_int)]
Rating = Annotated[int, Field(strict=True, ge=1, le=5), BeforeValidator(integral_float_as_int)]
Limit = Annotated[int, Field(ge=1, le=500, strict=True), BeforeValidator(_integer)]
Person = Annotated[Name, Field(max_length=100)]
SecureLink = Annotated[Line, Field(min_length=1, max_length=2000), AfterValidator(https_address)]
MailAddress = Annotated[
    Line,
    Field(max_length=254, json_schema_extra={"format": "idn-email"}),
    AfterValidator(lambda text: checked_address(text)),
]
"""An address as mail servers know it: a domain in another script by its A-label."""


class Body(BaseModel):
    """Base of request bodies that are JSON objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(BaseModel):
    """Base of query strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedTechnique(Body):
    """One technique of the plan; ``duration`` in seconds, ``pattern`` as inhale, hold, exhale, hold."""

    technique: TechniqueName
    duration: Seconds | None = None
    instruction: Paragraphs | None = None
    pattern: tuple[Breath, Breath, Breath, Breath] | None = None


def _by_name(value: Any) -> Any:
    return {"technique": value} if isinstance(value, str) else value


Plan = Annotated[
    list[
        Annotated[
            PlannedTechnique,
            BeforeValidator(_by_name, json_schema_input_type=PlannedTechnique | TechniqueName),
        ]
    ],
    Field(max_length=10),
]


class _Conflicting:
    """The value of a field that was sent under both its names with different values; its validator refuses it."""


class RoomBody(Body):
    """Base of bodies about a session. ``instructor`` may be called ``instructor_name``."""

    @model_validator(mode="before")
    @classmethod
    def _merge_instructor_names(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "instructor_name" not in given:
            return given
        if "instructor" in given:
            instructor = (
                given["instructor"] if given["instructor"] == given["instructor_name"] else _Conflicting()
            )
        else:
            instructor = given["instructor_name"]
        return {name: value for name, value in given.items() if name != "instructor_name"} | {
            "instructor": instructor
        }

    @field_validator("instructor", mode="before", check_fields=False)
    @classmethod
    def _no_conflict(cls, given: Any) -> Any:
        if isinstance(given, _Conflicting):
            raise ValueError("instructor and instructor_name are one field: send one of them")
        return given


Access = Literal["open", "invite"]


def _not_private_and_open(visibility: Visibility, info: ValidationInfo) -> Visibility:
    if visibility == "private" and info.data.get("access") == "open":
        raise ValueError("a private session is by invitation: leave access out, or say invite")
    return visibility


NotPrivateAndOpen = Annotated[Visibility, AfterValidator(_not_private_and_open)]


class SessionFields(RoomBody):
    """What a new session, and every session of a new series, is made of."""

    title: Name
    instructor: Person
    max_participants: Capacity = 100
    session_type: SessionType = "live"
    techniques: Plan = []
    description: Paragraphs | None = None
    access: Access | None = None
    """Open, or by invitation when private."""
    visibility: NotPrivateAndOpen | None = None
    """Public, or private when by invitation."""
    place: Place = "online"
    listen_url: SecureLink | None = None
    chat: StrictBool = True


class CreateRoom(SessionFields):
    """A new session. ``instructor`` may be called ``instructor_name``."""

    session_id: SessionId
    scheduled_start: Moment


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


OPTIONAL: Any = Field(default=None, json_schema_extra=_without_default)


class EditDetails(RoomBody):
    """Changes to what a session is. What is absent stays; null takes a description or a call link away, and nothing else."""

    title: Name = OPTIONAL
    instructor: Person = OPTIONAL
    max_participants: Capacity = OPTIONAL
    techniques: Plan = OPTIONAL
    description: Paragraphs | None = OPTIONAL
    access: Access = OPTIONAL
    visibility: NotPrivateAndOpen = OPTIONAL
    place: Place = OPTIONAL
    listen_url: SecureLink | None = OPTIONAL
    chat: StrictBool = OPTIONAL
    session_type: SessionType = OPTIONAL

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change: name at least one field")
        return self


class EditRoom(EditDetails):
    """Changes to a session. What is absent stays; null takes a description or a call link away, and nothing else."""

    scheduled_start: Moment = OPTIONAL


class Announcement(Body):
    """What is announced. ``action_url`` is a path on this host or an https address."""

    type: Annotated[Name, Field(max_length=100)] | None = None
    title: Name
    message: Paragraphs
    action_url: Link | None = None


class AnnounceRequest(Body):
    """An announcement to one session, or to all that are waiting or live."""

    announcement: Announcement
    broadcast_all: StrictBool = False
    session_id: Annotated[SessionId | None, Field(validate_default=True)] = None

    @field_validator("session_id")
    @classmethod
    def _one_target(cls, session_id: str | None, info: ValidationInfo) -> str | None:
        to_all = info.data.get("broadcast_all")
        if session_id is None and to_all is False:
            raise ValueError("required, unless broadcast_all is true")
        if session_id is not None and to_all:
            raise ValueError("either session_id or broadcast_all, not both")
        return session_id


class ConsentRequest(Body):
    """The consents, each by itself; ``version`` names the text that was shown."""

    heart_rate: StrictBool
    group: StrictBool
    version: Annotated[Name, Field(max_length=40)]


class FeedbackRequest(Body):
    """Feedback on a session, and what of it may be published.

    ``version`` names the text that asked for the permissions.
    """

    rating: Rating
    comment: Paragraphs | None = None
    publish_quote: StrictBool = False
    publish_name: StrictBool = False
    version: Annotated[Name, Field(max_length=40)] | None = None


class EmailRequest(Body):
    """The address that one's own summary is sent to."""

    address: MailAddress
