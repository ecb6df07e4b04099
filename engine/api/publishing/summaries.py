"""``/session-summary``: texts about a session for its channels, as a preview or published; one, or up to a hundred."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import TypeAdapter

from engine.api.http.app_keys import CATALOGUE, CLOCK, DATA, LINKS, PUBLISHING, ROOMS, caller_of
from engine.api.http.bodies import read_json
from engine.api.http.callers import NOBODY, Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.http.studio_identity import studio_of
from engine.api.id_case import refuse_id_differing_by_case, refuse_id_waiting_by_case
from engine.api.publishing.summaries_view import metadata_of, parts_of
from engine.api.publishing.summary_requests import FlatSummary, SummaryRequest
from engine.domain.instant import iso
from engine.domain.labels import Visibility
from engine.domain.rejection import BadCredential, Invalid, Rejected, unknown_session
from engine.domain.snapshot import Snapshot
from engine.storage.database import Connection
from engine.storage.leaders import record_story_owner
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import series_of
from publisher.content import SessionContentStrict, snapshot_of

if TYPE_CHECKING:
    from publisher.summary import Summary

__all__ = ["ENDPOINTS"]

_MAX_BATCH = 100
_PUBLISH_TIMEOUT = 30.0
"""Seconds that a response waits for its channels."""
_POLL_INTERVAL = 0.5
_VISIBILITY: TypeAdapter[Visibility] = TypeAdapter(Visibility)


async def summarise(request: web.Request) -> web.Response:
    """Write the texts about a session for its channels; publish them when asked to.

    ``published_to`` names the channels whose artefacts exist: the page, and the drafts of mail and posts. A channel in
    ``failed_channels`` is tried again. ``delivered`` is empty here: mail to people needs an approval of its own and leaves
    ten minutes after it at the earliest; the drafts show what became of it.
    """
    caller = _authenticated(request)
    wanted = await _read(await read_json(request), request, caller)
    response = await _queue(request, wanted, caller)
    return answer(await _complete(request, wanted, response))


async def summarise_many(request: web.Request) -> web.Response:
    """The same for a list, in order; each item has a result of its own."""
    caller = _authenticated(request)
    body = await read_json(request)
    if not isinstance(body, list) or len(body) > _MAX_BATCH:
        raise Invalid(
            "invalid_data",
            f"A batch is a list of up to {_MAX_BATCH} summaries.",
            {"body": f"must be a list of at most {_MAX_BATCH}"},
        )
    # Queued one after the other, so that of two for one session the later one wins; awaited together.
    queued: list[tuple[SummaryRequest, dict[str, Any]] | dict[str, Any]] = []
    for item in body:
        try:
            wanted = await _read(item, request, caller)
            queued.append((wanted, await _queue(request, wanted, caller)))
        except Rejected as error:
            queued.append(
                {"status": "refused", "error": error.code, "message": error.message, "details": error.details}
            )
    results = await asyncio.gather(
        *(_complete(request, *item) if isinstance(item, tuple) else _unchanged(item) for item in queued)
    )
    return answer({"results": results})


def _authenticated(request: web.Request) -> Caller:
    caller = caller_of(request)
    if caller == NOBODY:
        raise BadCredential(
            "credential_needed", "This needs a key, or the token of the session's instructor."
        )
    return caller


async def _read(body: Any, request: web.Request, caller: Caller) -> SummaryRequest:
    """Validate one summary, for the visibility of its session; one that is not known here is public.

    Raises:
        Rejected: it is wrong, or not allowed.
    """
    wanted = SummaryRequest.read(body, caller, request.app[CLOCK].now())
    await refuse_id_differing_by_case(request, wanted.content.session_id)
    room = await request.app[ROOMS].get(wanted.content.session_id)
    await _need_own(request, caller, wanted, is_here=room is not None)
    return wanted.limited_to(_VISIBILITY.validate_python("public" if room is None else room.visibility))


async def _need_own(request: web.Request, caller: Caller, wanted: SummaryRequest, *, is_here: bool) -> None:
    """Check that the story is of a session that the caller leads, or the caller's own, or that nobody told it yet.

    Raises:
        NotFound: somebody else leads the session, or told of it.
    """
    session_id = wanted.content.session_id
    if caller.key is None or caller.owns_story(session_id):
        return
    if is_here or await request.app[ROOMS].has_story(session_id):
        raise unknown_session(session_id)


async def _queue(request: web.Request, wanted: SummaryRequest, caller: Caller) -> dict[str, Any]:
    """Render the texts, and queue the publication if asked to. Returns the response as far as it is known then.

    Raises:
        NotFound: somebody else was the first to publish under this id, in this moment.
        Conflict: a story of an id that differs by case alone was, in this moment.
    """
    app, content = request.app, wanted.content
    told = await app[CATALOGUE].ask(lambda connection: _as_published(connection, content))
    # On a thread: templates take milliseconds each, and the event loop serves every pacer.
    summary, warnings = await asyncio.to_thread(_render, request, told, wanted.channels)
    if wanted.at_once:
        snapshot = snapshot_of(
            content,
            content_id=wanted.content_id,
            channels=wanted.channels,
            approved=True,
            visibility=wanted.visibility,
        )
        channels, at = (*wanted.channels, "analytics"), app[CLOCK].now()

        def publish(connection: Connection) -> None:
            with connection.transaction():
                refuse_id_waiting_by_case(connection, content.session_id)
                # A story without a session is the publisher's from now on; a session of its id is not.
                if (
                    caller.maker is not None
                    and not caller.leads(content.session_id)
                    and not record_story_owner(connection, content.session_id, caller.maker, at)
                ):
                    raise unknown_session(content.session_id)
                Outbox(connection).enqueue(snapshot, channels, at)

        await app[CATALOGUE].ask(publish)
        app[PUBLISHING].wake()
    return {
        "content_id": wanted.content_id,
        "session_id": content.session_id,
        "preview_urls": {"session": f"/sessions/{content.session_id}"},
        **parts_of(summary),
        "metadata": metadata_of(content.average_hrv_improvement, wanted.channels),
        "warnings": [*content.warnings(), *wanted.warnings, *warnings],
        "generated_at": iso(app[CLOCK].now()),
    }


def _as_published(connection: Connection, content: SessionContentStrict) -> Snapshot:
    """A content with the zone in which its page says its times."""
    catalogue = Catalogue(connection)
    snapshot = snapshot_of(content, content_id="", approved=True)
    series_id = series_of(catalogue, snapshot.session_id)
    return catalogue.in_own_zone(snapshot.model_copy(update={"series_id": series_id}))


def _render(request: web.Request, told: Snapshot, channels: Sequence[str]) -> tuple[Summary, list[str]]:
    # Imports the templates and Babel's languages: a server is ready sooner without.
    from publisher.summary import SessionSummaryGenerator

    studio = studio_of(request.app[DATA])
    generator = SessionSummaryGenerator(studio, public_url=request.app[LINKS].public_url)
    return generator.generate_with_warnings(told, channels)


async def _complete(request: web.Request, wanted: SummaryRequest, response: dict[str, Any]) -> dict[str, Any]:
    """``response`` with its status, and the channels that are published."""
    nothing: dict[str, Any] = {"published_to": [], "delivered": [], "failed_channels": []}
    if not wanted.at_once:
        return {"status": "preview", **response, **nothing}
    states = await _wait_for_channels(request, wanted)
    done = [channel for channel in wanted.channels if states.get(channel) == "done"]
    failed = [channel for channel in wanted.channels if states.get(channel) == "failed"]
    if len(done) + len(failed) < len(wanted.channels):
        status = "accepted"
    elif failed:
        status = "partial_success" if done else "failed"
    else:
        status = "success"
    return {"status": status, **response, "published_to": done, "delivered": [], "failed_channels": failed}


async def _wait_for_channels(request: web.Request, wanted: SummaryRequest) -> dict[str, str]:
    """The states of the channels that finish within the timeout; returns as soon as all of them have."""
    app, session_id = request.app, wanted.content.session_id
    until = time.monotonic() + _PUBLISH_TIMEOUT
    states: dict[str, str] = {}
    while not set(wanted.channels) <= states.keys() and (left := until - time.monotonic()) > 0:
        states |= await app[PUBLISHING].wait_for(
            session_id, wanted.content_id, wanted.channels, min(left, _POLL_INTERVAL)
        )
        if not set(wanted.channels) <= states.keys():
            # A standalone publisher reports to nobody, and newer content of a session replaces older: then only the
            # outbox knows.
            states |= await app[CATALOGUE].ask(lambda db: _states_in_outbox(Outbox(db), wanted))
    return states


def _states_in_outbox(outbox: Outbox, wanted: SummaryRequest) -> dict[str, str]:
    own = outbox.stories.by_content_id(wanted.content_id)
    if own is None:
        return {}
    rows = outbox.of(wanted.content.session_id)
    return {
        row.channel: row.state
        for row in rows
        if row.version >= own.version and row.state in ("done", "failed")
    }


async def _unchanged(result: dict[str, Any]) -> dict[str, Any]:
    return result


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        "POST",
        f"{API}/session-summary",
        summarise,
        "Summarise a session, or publish it",
        "staff",
        FlatSummary,
        refusals=(404, 409),
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
