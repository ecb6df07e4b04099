"""Request bodies about a session, and the fields that those of series share with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engine.api.models import OPTIONAL, Body, Moment
from engine.domain.labels import Place, SessionType, Visibility
from engine.domain.text import Line, Name, Paragraphs, SessionId, integral_float_as_int
from engine.domain.values import Breath, Seconds, TechniqueName, https_address

__all__ = ["CreateRoom", "EditDetails", "EditRoom", "PlannedTechnique", "RoomBody", "SessionFields"]

Capacity = Annotated[int, Field(strict=True, ge=1, le=1000), BeforeValidator(integral_float_as_int)]
Person = Annotated[Name, Field(max_length=100)]
SecureLink = Annotated[Line, Field(min_length=1, max_length=2000), AfterValidator(https_address)]


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
    techniques: Plan = Field(default=[])
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
