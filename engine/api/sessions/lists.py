"""``/sessions`` and ``/sessions/live``: lists of sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from engine.api.http.app_keys import CATALOGUE, CLOCK, LINKS, OTHERS, ROOMS, SESSIONS, caller_of
from engine.api.http.bodies import query_of
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import Sessions, View
from engine.api.http.responses import answer
from engine.api.models import Flag, Limit, Query
from engine.api.sessions.view import active, listed, live_line, phases_meant
from engine.domain.rejection import Moved
from engine.domain.session import Phase
from engine.storage.leaders import Led
from engine.storage.rows import RoomRow
from publisher.catalogue.published import Catalogue

__all__ = ["LISTS"]

_MAX_LIVE = 10_000


class LiveQuery(Query):
    """What to include."""

    include_metrics: Flag = False


def _known_phases(value: str) -> str:
    for phase in value.split(","):
        if phase not in set(Phase):
            raise ValueError(f"must be one or more of {', '.join(Phase)}, separated by commas")
    return value


class CatalogueQuery(Query):
    """A page of the catalogue, ordered by id; ``after`` is the ``next`` of the page before.

    ``phase`` matches a session's ``phase`` and its ``status``.
    """

    phase: Annotated[str, AfterValidator(_known_phases)] | None = None
    limit: Limit = 50
    after: Annotated[str, Field(max_length=100)] | None = None


async def catalogue(request: web.Request) -> web.Response:
    """List all sessions, ordered by id, a page at a time; ``withdrawn_at`` is when a session's story was withdrawn."""
    caller = caller_of(request)
    caller.need_key()
    query = query_of(request, CatalogueQuery)
    app = request.app
    phases = None if query.phase is None else phases_meant(query.phase.split(","))
    if caller.led is None:
        rows = await app[ROOMS].list(phases, limit=query.limit + 1, after=query.after)
    else:
        rows = await _of_led(request, caller.led, phases, query)
    page = rows[: query.limit]
    awake = {view.state.session_id: view.state for view in app[SESSIONS].loaded()}
    ids = [row.session_id for row in page]
    withdrawn = await app[CATALOGUE].ask(lambda connection: Catalogue(connection).withdrawn(ids))
    sessions = [
        listed(row, awake.get(row.session_id), app[LINKS], withdrawn.get(row.session_id)) for row in page
    ]
    following = page[-1].session_id if len(rows) > len(page) else None
    return answer({"count": len(sessions), "sessions": sessions, "next": following})


async def _of_led(
    request: web.Request, led: Led, phases: Collection[Phase] | None, query: CatalogueQuery
) -> Sequence[RoomRow]:
    """A page of the sessions that a key leads, and the first of the next page."""
    rows: list[RoomRow] = []
    for session_id in sorted(led.sessions):
        if len(rows) > query.limit:
            break
        row = await request.app[ROOMS].get(session_id) if session_id > (query.after or "") else None
        if row is not None and (phases is None or row.phase in phases):
            rows.append(row)
    return rows


async def live(request: web.Request) -> web.Response:
    """List sessions that have started and not ended: with a key those that it leads, else the public ones."""
    caller = caller_of(request)
    query = query_of(request, LiveQuery)
    app = request.app
    at = app[CLOCK].now()
    views = [
        view
        for view in await _live_views(request)
        if (view.state.details.visibility == "public" and caller.led is None)
        or caller.belongs(view.state.session_id)
    ]
    views.sort(key=lambda view: (view.state.started_at or 0, view.state.session_id))
    entries = [live_line(view, at, with_metrics=query.include_metrics) for view in views]
    elsewhere = [entry for body in await app[OTHERS](request) for entry in json.loads(body)["sessions"]]
    if elsewhere:
        merged = {entry["session_id"]: entry for entry in (*elsewhere, *entries)}
        entries = sorted(merged.values(), key=lambda entry: (entry["started_at"] or "", entry["session_id"]))
    return answer({"count": len(entries), "sessions": entries})


async def _live_views(request: web.Request) -> list[View]:
    """Every live session: those in memory, and those that sleep because nobody is connected."""
    sessions = request.app[SESSIONS]
    awake = {view.state.session_id: view for view in sessions.loaded()}
    rows = await request.app[ROOMS].list([Phase.LIVE, Phase.ENDING], limit=_MAX_LIVE)
    asleep = [row.session_id for row in rows if row.session_id not in awake]
    woken = await asyncio.gather(*(_view_here(sessions, session_id) for session_id in asleep))
    return [view for view in (*awake.values(), *woken) if view is not None and active(view.state)]


async def _view_here(sessions: Sessions, session_id: str) -> View | None:
    """A session, unless another server has it: that one is asked for all of its own."""
    try:
        return await sessions.view(session_id)
    except Moved:
        return None


LISTS = (
    Endpoint("GET", f"{API}/sessions/live", live, "Sessions that are live", query=LiveQuery),
    Endpoint("GET", f"{API}/sessions", catalogue, "The catalogue of sessions", "key", query=CatalogueQuery),
)
