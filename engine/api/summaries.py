"""Summaries over HTTP: as a preview, or published at once; one, or up to a hundred."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engine.api.http.app_keys import CLOCK, DATA, LINKS, PUBLISHING, ROOMS, SHELF, caller_of
from engine.api.http.bodies import read_json
from engine.api.http.callers import NOBODY, Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.http.studio_identity import studio_of
from engine.api.summaries_view import metadata_of, parts_of
from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.instant import iso
from engine.domain.labels import Visibility
from engine.domain.rejection import BadCredential, Forbidden, Invalid, Rejected
from engine.storage.outbox import Outbox
from publisher.content import SessionContentStrict, field_errors, judged_at, snapshot_of

if TYPE_CHECKING:
    from publisher.summary import Summary

__all__ = ["ENDPOINTS", "FlatSummary", "WrappedSummary"]

_MOST = 100
_ALL: tuple[str, ...] = SUMMARY_CHANNELS
_PATIENCE = 30.0
"""Seconds that an answer waits for its channels."""
_LOOK_AGAIN = 0.5
_NOT_LIVE = "published is false: this content may not go live"
_SILENT = "This session is private, so no post about it is made."
_VISIBILITY: TypeAdapter[Visibility] = TypeAdapter(Visibility)
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


class FlatSummary(SessionContentStrict):
    """A session's fields, with ``channels`` and ``publish_immediately`` beside them."""

    channels: Channels = Field(default_factory=lambda: [*_ALL])
    publish_immediately: StrictBool = False

    @field_validator("publish_immediately")
    @classmethod
    def _only_what_may_go_live(cls, at_once: bool, info: ValidationInfo) -> bool:
        if at_once and info.data.get("published") is False:
            raise ValueError(_NOT_LIVE)
        return at_once


class WrappedSummary(BaseModel):
    """The same with the session's fields in ``session_data``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_data: SessionContentStrict
    channels: Channels = Field(default_factory=lambda: [*_ALL])
    publish_immediately: StrictBool = False

    @field_validator("publish_immediately")
    @classmethod
    def _only_what_may_go_live(cls, at_once: bool, info: ValidationInfo) -> bool:
        content = info.data.get("session_data")
        if at_once and content is not None and not content.published:
            raise ValueError(_NOT_LIVE)
        return at_once


@dataclass(frozen=True, slots=True)
class _Order:
    content: SessionContentStrict
    channels: tuple[str, ...]
    at_once: bool
    content_id: str
    visibility: Visibility = "public"
    warnings: tuple[str, ...] = ()


async def summarise(request: web.Request) -> web.Response:
    """The texts of a session for its channels; published when asked for.

    ``published_to`` names the channels whose artefacts exist: the page, and the drafts of mail and posts. A channel in
    ``failed_channels`` is tried again. ``delivered`` is empty here: mail to people needs an approval of its own and leaves
    ten minutes after it at the earliest; the drafts tell what became of it.
    """
    caller = _somebody(request)
    order = await _placed(request, _order(await read_json(request), request, caller))
    told = await _prepared(request, order)
    return answer(await _finished(request, order, told))


async def summarise_many(request: web.Request) -> web.Response:
    """The same for a list, in order; each item has its own outcome."""
    caller = _somebody(request)
    given = await read_json(request)
    if not isinstance(given, list) or len(given) > _MOST:
        raise Invalid(
            "invalid_data",
            f"A batch is a list of up to {_MOST} summaries.",
            {"body": f"must be a list of at most {_MOST}"},
        )
    # Prepared one after the other, so that of two for one session the later one wins; awaited together.
    prepared: list[tuple[_Order, dict[str, Any]] | dict[str, Any]] = []
    for item in given:
        try:
            order = await _placed(request, _order(item, request, caller))
            prepared.append((order, await _prepared(request, order)))
        except Rejected as wrong:
            prepared.append(
                {"status": "refused", "error": wrong.code, "message": wrong.message, "details": wrong.details}
            )
    results = await asyncio.gather(
        *(_finished(request, *item) if isinstance(item, tuple) else _as_it_is(item) for item in prepared)
    )
    return answer({"results": results})


def _somebody(request: web.Request) -> Caller:
    caller = caller_of(request)
    if caller == NOBODY:
        raise BadCredential(
            "credential_needed", "This needs a key, or the token of the session's instructor."
        )
    return caller


def _order(given: Any, request: web.Request, caller: Caller) -> _Order:
    context = judged_at(request.app[CLOCK].now())
    content: SessionContentStrict
    try:
        if isinstance(given, dict) and "session_data" in given:
            if mixed := sorted(given.keys() & FlatSummary.model_fields.keys() - _ENVELOPE):
                raise Invalid(
                    "mixed_shapes",
                    "The session's fields stand either in session_data or beside channels, not in both.",
                    {"session_data": f"not together with {', '.join(mixed)}"},
                )
            wrapped = WrappedSummary.model_validate(given, context=context)
            content, channels, at_once = wrapped.session_data, wrapped.channels, wrapped.publish_immediately
        else:
            flat = FlatSummary.model_validate(given, context=context)
            content, channels, at_once = flat, flat.channels, flat.publish_immediately
    except ValidationError as wrong:
        found = field_errors(wrong)
        if _stays_unpublished(given):
            # Of data with mistakes in it the model cannot know this.
            found.setdefault("publish_immediately", _NOT_LIVE)
        raise Invalid("invalid_data", "The summary is wrong: see details.", found) from None
    if not caller.leads(content.session_id):
        raise Forbidden("forbidden", "This credential is for another session.")
    if at_once and caller.key is None:
        raise Forbidden("forbidden", "Publishing at once needs a key.")
    return _Order(content, tuple(dict.fromkeys(channels)), at_once, str(uuid4()))


def _stays_unpublished(given: Any) -> bool:
    """Whether wrapped data is to be published at once and says that it may not."""
    match given:
        case {"session_data": {"published": False}, "publish_immediately": True}:
            return True
        case _:
            return False


async def _placed(request: web.Request, order: _Order) -> _Order:
    """The order for those who may see its session: of a private one no post is made."""
    room = await request.app[ROOMS].get(order.content.session_id)
    visibility = _VISIBILITY.validate_python("public" if room is None else room.visibility)
    if visibility != "private" or not order.at_once or "social" not in order.channels:
        return replace(order, visibility=visibility)
    channels = tuple(channel for channel in order.channels if channel != "social")
    if not channels:
        raise Invalid("invalid_data", f"{_SILENT} There is nothing to publish.", {"channels": _SILENT})
    return replace(order, visibility=visibility, channels=channels, warnings=(f"social: {_SILENT}",))


async def _prepared(request: web.Request, order: _Order) -> dict[str, Any]:
    """Everything of the answer that does not wait for the publisher; the work is queued."""
    app, content = request.app, order.content
    # Templates take milliseconds each: elsewhere than on the loop that everybody's pacer hangs on.
    summary = await asyncio.to_thread(_write, request, order)
    if order.at_once:
        snapshot = snapshot_of(
            content,
            content_id=order.content_id,
            channels=order.channels,
            approved=True,
            visibility=order.visibility,
        )
        work, at = (*order.channels, "analytics"), app[CLOCK].now()
        await app[SHELF].ask(lambda connection: Outbox(connection).enqueue(snapshot, work, at))
        app[PUBLISHING].wake()
    return {
        "content_id": order.content_id,
        "session_id": content.session_id,
        "preview_urls": {"session": f"/sessions/{content.session_id}"},
        **parts_of(summary),
        "metadata": metadata_of(content.average_hrv_improvement, order.channels),
        "warnings": [*content.warnings(), *order.warnings],
        "generated_at": iso(app[CLOCK].now()),
    }


def _write(request: web.Request, order: _Order) -> Summary:
    # Templates and their languages take long to import: a server is ready sooner without.
    from publisher.summary import SessionSummaryGenerator

    studio = studio_of(request.app[DATA])
    generator = SessionSummaryGenerator(studio, public_url=request.app[LINKS].public_url)
    return generator.generate_session_summary(order.content, order.channels)


async def _finished(request: web.Request, order: _Order, told: dict[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"published_to": [], "delivered": [], "failed_channels": []}
    if not order.at_once:
        return {"status": "preview", **told, **nothing}
    states = await _outcome(request, order)
    done = [channel for channel in order.channels if states.get(channel) == "done"]
    failed = [channel for channel in order.channels if states.get(channel) == "failed"]
    if len(done) + len(failed) < len(order.channels):
        status = "accepted"
    elif failed:
        status = "partial_success" if done else "failed"
    else:
        status = "success"
    return {"status": status, **told, "published_to": done, "delivered": [], "failed_channels": failed}


async def _outcome(request: web.Request, order: _Order) -> dict[str, str]:
    """The states of the channels, as soon as all are finished or patience is over."""
    app, session_id = request.app, order.content.session_id
    until = time.monotonic() + _PATIENCE
    states: dict[str, str] = {}
    while not set(order.channels) <= states.keys() and (left := until - time.monotonic()) > 0:
        states |= await app[PUBLISHING].wait_for(
            session_id, order.content_id, order.channels, min(left, _LOOK_AGAIN)
        )
        if not set(order.channels) <= states.keys():
            # A publisher that runs by itself reports to nobody, and newer content replaces older:
            # what the outbox says counts as well.
            states |= await app[SHELF].ask(lambda db: _in_outbox(Outbox(db), order))
    return states


def _in_outbox(outbox: Outbox, order: _Order) -> dict[str, str]:
    own = outbox.by_content_id(order.content_id)
    if own is None:
        return {}
    rows = outbox.of(order.content.session_id)
    return {
        row.channel: row.state
        for row in rows
        if row.version >= own.version and row.state in ("done", "failed")
    }


async def _as_it_is(result: dict[str, Any]) -> dict[str, Any]:
    return result


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        "POST",
        f"{API}/session-summary",
        summarise,
        "Summarise a session, or publish it",
        "staff",
        FlatSummary,
    ),
    Endpoint(
        "POST",
        f"{API}/session-summary/batch",
        summarise_many,
        "Summarise or publish several sessions",
        "staff",
        FlatSummary,
        many=True,
    ),
)
