"""Sessions over HTTP: created, changed, started, ended, listed, looked into."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, Field

from engine.api.http.app_keys import CLOCK, CREDENTIALS, LINKS, ROOMS, SESSIONS, SHELF, caller_of, visible
from engine.api.http.bodies import checked, query_of, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import View
from engine.api.http.responses import answer
from engine.api.models import CreateRoom, EditRoom, Flag, Limit, PlannedTechnique, Query
from engine.api.rooms_view import (
    active,
    figures,
    listed,
    live_line,
    people_here,
    phases_meant,
    replayed,
    room,
)
from engine.api.summaries_view import told_summary
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.labels import Visibility
from engine.domain.session import Details, Phase, Planned
from engine.domain.techniques.lookup import named
from engine.sessions.room_row import attendance
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import approved_quotes

__all__ = ["ENDPOINTS"]

_NEWEST = 100
"""Messages of a replay in the content of a session."""
_RECOMMENDED = 100
_MOST_LIVE = 10_000


class ContentQuery(Query):
    """What to include."""

    include_metrics: Flag = False
    include_replay: Flag = False
    include_summary: Flag = False


class LiveQuery(Query):
    """What to include."""

    include_metrics: Flag = False


def _phases(given: str) -> str:
    for phase in given.split(","):
        if phase not in set(Phase):
            raise ValueError(f"must be one or more of {', '.join(Phase)}, separated by commas")
    return given


class CatalogueQuery(Query):
    """A page of the catalogue, by id; ``after`` is the ``next`` of the page before.

    ``phase`` finds what a room says as its ``phase`` or as its ``status``.
    """

    phase: Annotated[str, AfterValidator(_phases)] | None = None
    limit: Limit = 50
    after: Annotated[str, Field(max_length=100)] | None = None


async def create(request: web.Request) -> web.Response:
    """A new session; 409 when the id is taken."""
    caller = caller_of(request)
    caller.need_key()
    wanted = checked(CreateRoom, await read_json(request))
    app = request.app
    at = app[CLOCK].now()
    view = await app[SESSIONS].create(wanted.session_id, _details(wanted))
    told = room(view, caller, app[LINKS], app[CREDENTIALS].tokens)
    return answer(told | {"warnings": _warnings(view.state.details, at)}, 201)


async def change(request: web.Request) -> web.Response:
    """Change a session that is not over; those who wait are told.

    Moved to more than 15 minutes ahead it is scheduled again: those inside stay, and others are let in when it opens.
    """
    caller = caller_of(request)
    view = await visible(request, caller)
    state = view.state
    caller.need_staff(state.session_id)
    wanted = checked(EditRoom, await read_json(request))
    changes = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    if "techniques" in changes:
        changes["techniques"] = tuple(_planned(item) for item in changes["techniques"])
    return await _carried_out(request, c.ChangeDetails(**changes))


async def cancel(request: web.Request) -> web.Response:
    """A session that has not begun will not take place."""
    return await _carried_out(request, c.Cancel())


async def start(request: web.Request) -> web.Response:
    """Begin."""
    return await _carried_out(request, c.Start())


async def end(request: web.Request) -> web.Response:
    """End a session; a second end is harmless."""
    return await _carried_out(request, c.End())


async def show(request: web.Request) -> web.Response:
    """One session; with its tokens for those who lead it."""
    caller = caller_of(request)
    view = await visible(request, caller)
    return answer(room(view, caller, request.app[LINKS], request.app[CREDENTIALS].tokens))


async def catalogue(request: web.Request) -> web.Response:
    """All sessions, by id, a page at a time."""
    caller_of(request).need_key()
    wanted = query_of(request, CatalogueQuery)
    app = request.app
    phases = None if wanted.phase is None else phases_meant(wanted.phase.split(","))
    rows = await app[ROOMS].list(phases, limit=wanted.limit + 1, after=wanted.after)
    page = rows[: wanted.limit]
    awake = {view.state.session_id: view.state for view in app[SESSIONS].awake()}
    sessions = [listed(row, awake.get(row.session_id), app[LINKS]) for row in page]
    following = page[-1].session_id if len(rows) > len(page) else None
    return answer({"count": len(sessions), "sessions": sessions, "next": following})


async def live(request: web.Request) -> web.Response:
    """Sessions that have started and not ended: all of them with a key, else the public ones."""
    caller = caller_of(request)
    wanted = query_of(request, LiveQuery)
    app = request.app
    at = app[CLOCK].now()
    views = [
        view
        for view in await _live(request)
        if view.state.details.visibility == "public" or caller.belongs(view.state.session_id)
    ]
    views.sort(key=lambda view: (view.state.started_at or 0, view.state.session_id))
    lines = [live_line(view, at, with_metrics=wanted.include_metrics) for view in views]
    return answer({"count": len(lines), "sessions": lines})


async def _live(request: web.Request) -> list[View]:
    """Those in memory, and those that sleep until somebody comes or their time is over."""
    sessions = request.app[SESSIONS]
    awake = {view.state.session_id: view for view in sessions.awake()}
    rows = await request.app[ROOMS].list([Phase.LIVE, Phase.ENDING], limit=_MOST_LIVE)
    asleep = [row.session_id for row in rows if row.session_id not in awake]
    woken = await asyncio.gather(*(sessions.look(session_id) for session_id in asleep))
    return [view for view in (*awake.values(), *woken) if view is not None and active(view.state)]


async def content(request: web.Request) -> web.Response:
    """What happens in a session, or did; names and chat for those who belong to it."""
    caller = caller_of(request)
    wanted = query_of(request, ContentQuery)
    view = await visible(request, caller)
    state = view.state
    belongs = caller.belongs(state.session_id)
    told: dict[str, Any] = {
        "session_id": state.session_id,
        "active": active(state),
        "phase": str(state.phase),
        "session_info": {
            "title": state.details.title,
            "instructor": state.details.instructor,
            "participant_count": attendance(state),
            "participants": people_here(view) if belongs else [],
        },
    }
    if wanted.include_metrics:
        told["metrics"] = figures(state, state.ended_at or request.app[CLOCK].now())
    if wanted.include_replay:
        newest = await request.app[SESSIONS].replay(state.session_id, _NEWEST)
        messages = replayed(newest, with_names=belongs)
        told["replay"] = {"message_count": len(messages), "messages": messages}
    if wanted.include_summary:
        told["summary"] = await request.app[SHELF].ask(
            lambda connection: _summary(connection, state.session_id, with_quotes=belongs)
        )
    return answer(told)


def _summary(connection: sqlite3.Connection, session_id: str, *, with_quotes: bool) -> dict[str, Any] | None:
    snapshot = Outbox(connection).snapshot(session_id)
    if snapshot is None:
        return None
    states = Catalogue(connection).quote_states(session_id) if with_quotes else {}
    return told_summary(snapshot, approved_quotes(snapshot, states))


async def _carried_out(request: web.Request, command: c.Command) -> web.Response:
    caller = caller_of(request)
    app = request.app
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    view = await app[SESSIONS].ask(session_id, command, c.Sender(caller.role))
    return answer(room(view, caller, app[LINKS], app[CREDENTIALS].tokens))


def _warnings(details: Details, at: Millis) -> list[str]:
    """What is allowed and still worth saying."""
    told = []
    if details.scheduled_start < at:
        told.append("scheduled_start lies in the past: the room is open now")
    if details.max_participants > _RECOMMENDED:
        told.append(f"up to {_RECOMMENDED} participants are recommended for a good experience")
    for item in details.techniques:
        technique = named(item.technique)
        if technique.group == "B" and details.place != "room":
            told.append(f"{technique.name} is for people together in one room: it cannot be started here")
    return told


def _details(wanted: CreateRoom) -> Details:
    visibility: Visibility = wanted.visibility or ("private" if wanted.access == "invite" else "public")
    return Details(
        title=wanted.title,
        instructor=wanted.instructor,
        scheduled_start=wanted.scheduled_start,
        max_participants=wanted.max_participants,
        session_type=wanted.session_type,
        techniques=tuple(_planned(item) for item in wanted.techniques),
        description=wanted.description,
        access=wanted.access,
        visibility=visibility,
        place=wanted.place,
        listen_url=wanted.listen_url,
        chat=wanted.chat,
    )


def _planned(item: PlannedTechnique) -> Planned:
    return Planned(item.technique, item.duration, item.instruction, item.pattern)


_ONE = f"{API}/sessions/{{session_id}}"
ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/sessions/create",
        create,
        "Create a session",
        "key",
        CreateRoom,
        status=201,
        refusals=(409,),
    ),
    Endpoint("GET", f"{API}/sessions/live", live, "Sessions that are live", query=LiveQuery),
    Endpoint("GET", f"{API}/sessions", catalogue, "The catalogue of sessions", "key", query=CatalogueQuery),
    Endpoint("GET", _ONE, show, "One session"),
    Endpoint("PATCH", _ONE, change, "Change a session", "staff", EditRoom, refusals=(409,)),
    Endpoint("POST", f"{_ONE}/cancel", cancel, "Cancel a session", "staff", refusals=(409,)),
    Endpoint("POST", f"{_ONE}/start", start, "Start a session", "staff", refusals=(409,)),
    Endpoint("POST", f"{_ONE}/end", end, "End a session", "staff", refusals=(409,)),
    Endpoint("GET", f"{_ONE}/content", content, "What happens in a session", query=ContentQuery),
)
