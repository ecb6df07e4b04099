"""The request bodies of ``/session-summary``: flat or wrapped, and what exactly each asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engine.api.http.callers import Caller
from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.instant import Millis
from engine.domain.labels import Visibility
from engine.domain.rejection import Forbidden, Invalid
from publisher.content import SessionContentStrict, field_errors, judged_at

__all__ = ["FlatSummary", "SummaryRequest", "WrappedSummary"]

_UNPUBLISHED = "published is false: this content may not go live"
_NO_POSTS = "This session is private, so no post about it is made."
_ENVELOPE = frozenset({"session_data", "channels", "publish_immediately"})


def _known(channel: str) -> str:
    if channel not in SUMMARY_CHANNELS:
        raise ValueError(f"there is no channel {channel[:40]!r}; there are {', '.join(SUMMARY_CHANNELS)}")
    return channel


Channels = Annotated[
    list[
        Annotated[
            str,
            Field(strict=True, json_schema_extra={"enum": list(SUMMARY_CHANNELS)}),
            AfterValidator(_known),
        ]
    ],
    Field(min_length=1, max_length=20),
]


def _every_channel() -> list[str]:
    return [*SUMMARY_CHANNELS]


class FlatSummary(SessionContentStrict):
    """A session's fields, with ``channels`` and ``publish_immediately`` beside them."""

    channels: Channels = Field(default_factory=_every_channel)
    publish_immediately: StrictBool = False

    @field_validator("publish_immediately")
    @classmethod
    def _may_be_published(cls, at_once: bool, info: ValidationInfo) -> bool:
        if at_once and info.data.get("published") is False:
            raise ValueError(_UNPUBLISHED)
        return at_once


class WrappedSummary(BaseModel):
    """The same with the session's fields in ``session_data``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_data: SessionContentStrict
    channels: Channels = Field(default_factory=_every_channel)
    publish_immediately: StrictBool = False

    @field_validator("publish_immediately")
    @classmethod
    def _may_be_published(cls, at_once: bool, info: ValidationInfo) -> bool:
        content = info.data.get("session_data")
        if at_once and content is not None and not content.published:
            raise ValueError(_UNPUBLISHED)
        return at_once


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """A validated request, in either shape."""

    content: SessionContentStrict
    channels: tuple[str, ...]
    """Without repetitions, in the order in which they were named."""
    at_once: bool
    """Whether to publish, and not only to preview."""
    content_id: str
    """New for each request."""
    visibility: Visibility = "public"
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: Any, caller: Caller, at: Millis) -> SummaryRequest:
        """Validate a body. ``at`` is now: a session cannot lie in the future.

        Raises:
            Invalid: names every field that is wrong.
            Forbidden: the caller does not lead this session, or may not publish.
        """
        context = judged_at(at)
        content: SessionContentStrict
        try:
            if isinstance(body, dict) and "session_data" in body:
                if mixed := sorted(body.keys() & FlatSummary.model_fields.keys() - _ENVELOPE):
                    raise Invalid(
                        "mixed_shapes",
                        "The session's fields stand either in session_data or beside channels, not in both.",
                        {"session_data": f"not together with {', '.join(mixed)}"},
                    )
                wrapped = WrappedSummary.model_validate(body, context=context)
                content, channels, at_once = (
                    wrapped.session_data,
                    wrapped.channels,
                    wrapped.publish_immediately,
                )
            else:
                flat = FlatSummary.model_validate(body, context=context)
                content, channels, at_once = flat, flat.channels, flat.publish_immediately
        except ValidationError as error:
            details = field_errors(error)
            if _asks_to_publish_unpublished(body):
                # The validator cannot see it when ``session_data`` is wrong too.
                details.setdefault("publish_immediately", _UNPUBLISHED)
            raise Invalid("invalid_data", "The summary is wrong: see details.", details) from None
        if caller.key is None and not caller.leads(content.session_id):
            raise Forbidden("forbidden", "This credential is for another session.")
        if at_once and caller.key is None:
            raise Forbidden("forbidden", "Publishing at once needs a key.")
        if at_once:
            caller.need_publisher()
        return cls(content, tuple(dict.fromkeys(channels)), at_once, str(uuid4()))

    def limited_to(self, visibility: Visibility) -> SummaryRequest:
        """The request for a session of this visibility: a private one gets no posts.

        Raises:
            Invalid: posts are all that was asked for.
        """
        if visibility != "private" or not self.at_once or "social" not in self.channels:
            return replace(self, visibility=visibility)
        channels = tuple(channel for channel in self.channels if channel != "social")
        if not channels:
            raise Invalid(
                "invalid_data", f"{_NO_POSTS} There is nothing to publish.", {"channels": _NO_POSTS}
            )
        return replace(self, visibility=visibility, channels=channels, warnings=(f"social: {_NO_POSTS}",))


def _asks_to_publish_unpublished(body: Any) -> bool:
    match body:
        case {"session_data": {"published": False}, "publish_immediately": True}:
            return True
        case _:
            return False
