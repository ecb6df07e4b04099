"""``/sessions``: create, change, start and end a session; show one and its content. Lists are in ``lists``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from engine.api.http.app_keys import (
    CATALOGUE,
    CLOCK,
    CREDENTIALS,
    LINKS,
    ROOMS,
    SERIES,
    SESSIONS,
    caller_of,
    leading_now,
    visible,
)
from engine.api.http.bodies import checked, query_of, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.id_case import refuse_id_differing_by_case
from engine.api.models import Flag, Query
from engine.api.publishing.summaries_view import summary_document
from engine.api.sessions.bodies import CreateRoom, EditRoom
from engine.api.sessions.lists import LISTS
from engine.api.sessions.requests import broken_links, change_command, details_of, warnings_about
from engine.api.sessions.view import (
    active,
    figures,
    next_session,
    people_here,
    replayed,
    room,
)
from engine.domain import commands as c
from engine.domain.rejection import Conflict
from engine.domain.series import is_hidden_alone
from engine.domain.session import Session
from engine.sessions.journaling.room_row import attendance
from engine.storage.database import Connection
from engine.storage.rows import UNFINISHED, RoomRow
from engine.storage.story_reader import StoryReader
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import approved_quotes

__all__ = ["ENDPOINTS"]

_REPLAY_MESSAGES = 100
"""Messages of the replay in the content of a session."""


class ContentQuery(Query):
    """What to include."""

    include_metrics: Flag = False
    include_replay: Flag = False
    include_summary: Flag = False


async def create(request: web.Request) -> web.Response:
    """Create a session; 409 when the id is taken, or differs from one that is by case alone.

    Taken it is too by what somebody else published under it.
    """
    caller = caller_of(request)
    caller.need_key()
    body = checked(CreateRoom, await read_json(request))
    app = request.app
    at = app[CLOCK].now()
    await refuse_id_differing_by_case(request, body.session_id)
    await _need_no_story_of_others(request, caller, body.session_id)
    details = details_of(body, body.scheduled_start)
    view = await app[SESSIONS].create(body.session_id, details, caller.maker)
    caller = await leading_now(request, caller)
    document = room(view, caller, app[LINKS], app[CREDENTIALS].tokens)
    return answer(document | {"warnings": warnings_about(view.state.details, at)}, 201)


async def _need_no_story_of_others(request: web.Request, caller: Caller, session_id: str) -> None:
    """Check that a key does not get at what somebody else published by making a session of that id.

    Raises:
        Conflict: something was published under the id, and not with this key.
    """
    if not caller.owns_story(session_id) and await request.app[ROOMS].has_story(session_id):
        raise Conflict(
            "session_exists",
            f"Something was published as {session_id} already, by somebody else.",
            {"session_id": f"{session_id} is taken"},
        )


async def change(request: web.Request) -> web.Response:
    """Change a session that is not over; those who wait are notified.

    Moved to more than 15 minutes ahead it is scheduled again: those inside stay, and others may join when it opens. Links
    that were sent go on opening it; ``warnings`` name those that do not any more.
    """
    caller = caller_of(request)
    view = await visible(request, caller)
    state = view.state
    caller.need_staff(state.session_id)
    body = checked(EditRoom, await read_json(request))
    command = change_command(body)
    app = request.app
    at = app[CLOCK].now()
    before = (await visible(request, caller)).state
    after = await app[SESSIONS].ask(state.session_id, command, c.Sender(caller.role))
    warnings = [
        *broken_links(before, after.state, at),
        *(
            warning
            for warning in warnings_about(after.state.details, at)
            if warning not in warnings_about(before.details, at)
        ),
    ]
    return answer(room(after, caller, app[LINKS], app[CREDENTIALS].tokens) | {"warnings": warnings})


async def cancel(request: web.Request) -> web.Response:
    """Cancel a session that has not begun."""
    return await _execute(request, c.Cancel())


async def start(request: web.Request) -> web.Response:
    """Start a session."""
    return await _execute(request, c.Start())


async def end(request: web.Request) -> web.Response:
    """End a session. Repeating it does no harm."""
    return await _execute(request, c.End())


async def show(request: web.Request) -> web.Response:
    """Show one session, and the next one of its series, else of the studio; with its tokens for those who lead it."""
    caller = caller_of(request)
    app = request.app
    view = await visible(request, caller)
    row = await _next_row(request, caller, view.state)
    following = None if row is None else next_session(row, app[LINKS])
    document = room(view, caller, app[LINKS], app[CREDENTIALS].tokens)
    return answer(document | {"next_session": following})


async def _next_row(request: web.Request, caller: Caller, state: Session) -> RoomRow | None:
    rooms, series_id = request.app[ROOMS], state.details.series_id
    series = None if series_id is None else await request.app[SERIES].get(series_id)
    if series is not None:
        for row in await rooms.of_series(series.series_id):
            # Who belongs to this session need not belong to the next: a private one is not named.
            shown = row.visibility != "private" and not is_hidden_alone(
                row.visibility, series.details.visibility
            )
            if (
                row.phase in UNFINISHED[:3]
                and row.session_id != state.session_id
                and (shown or (caller.key is not None and caller.leads(row.session_id)))
            ):
                return row
    return next((row for row in await rooms.upcoming(2) if row.session_id != state.session_id), None)


async def content(request: web.Request) -> web.Response:
    """Show what happens in a session, or happened; names and chat only to those who belong to it."""
    caller = caller_of(request)
    query = query_of(request, ContentQuery)
    view = await visible(request, caller)
    state = view.state
    belongs = caller.belongs(state.session_id)
    document: dict[str, Any] = {
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
    if query.include_metrics:
        # The instants of a session may be ahead of a clock that was set back.
        at = state.ended_at or max(request.app[CLOCK].now(), state.updated_at)
        document["metrics"] = figures(state, at)
    if query.include_replay:
        newest = await request.app[SESSIONS].replay(state.session_id, _REPLAY_MESSAGES)
        messages = replayed(newest, with_names=belongs)
        document["replay"] = {"message_count": len(messages), "messages": messages}
    if query.include_summary:
        document["summary"] = await request.app[CATALOGUE].ask(
            lambda connection: _summary(connection, state.session_id, with_quotes=belongs)
        )
    return answer(document)


def _summary(connection: Connection, session_id: str, *, with_quotes: bool) -> dict[str, Any] | None:
    snapshot = StoryReader(connection).snapshot(session_id)
    if snapshot is None:
        return None
    states = Catalogue(connection).quotes.states(session_id) if with_quotes else {}
    return summary_document(snapshot, approved_quotes(snapshot, states))


async def _execute(request: web.Request, command: c.Command) -> web.Response:
    caller = caller_of(request)
    app = request.app
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    view = await app[SESSIONS].ask(session_id, command, c.Sender(caller.role))
    return answer(room(view, caller, app[LINKS], app[CREDENTIALS].tokens))


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
    *LISTS,
    Endpoint("GET", _ONE, show, "One session"),
    Endpoint("PATCH", _ONE, change, "Change a session", "staff", EditRoom, refusals=(409,)),
    Endpoint("POST", f"{_ONE}/cancel", cancel, "Cancel a session", "staff", refusals=(409,)),
    Endpoint("POST", f"{_ONE}/start", start, "Start a session", "staff", refusals=(409,)),
    Endpoint("POST", f"{_ONE}/end", end, "End a session", "staff", refusals=(409,)),
    Endpoint("GET", f"{_ONE}/content", content, "What happens in a session", query=ContentQuery),
)
