"""Announcements: to one session, or to everybody who waits or breathes."""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import ROOMS, SESSIONS, caller_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import NOBODY
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import View
from engine.api.http.responses import answer
from engine.api.models import AnnounceRequest
from engine.domain import commands as c
from engine.domain.rejection import BadCredential, Conflict

__all__ = ["ENDPOINTS"]

_OPEN = ("waiting", "live")
_PAGE = 500


async def announce(request: web.Request) -> web.Response:
    """Say it once to everybody there."""
    caller = caller_of(request)
    if caller == NOBODY:
        raise BadCredential("credential_needed", "This needs a key, or the instructor's token.")
    wanted = checked(AnnounceRequest, await read_json(request))
    said = wanted.announcement
    command = c.Announce(said.title, said.message, said.action_url, said.type)
    sender = c.Sender(caller.role)
    sessions = request.app[SESSIONS]
    told: list[View] = []
    if wanted.session_id is None:
        caller.need_key()
        for session_id in await _open_rooms(request):
            try:
                told.append(await sessions.ask(session_id, command, sender))
            except Conflict:
                # It ended between the list and the word: nobody is there to hear it.
                continue
    else:
        view = await sessions.look(wanted.session_id)
        caller.need_sight(None if view is None else view.state, wanted.session_id)
        caller.need_staff(wanted.session_id)
        told.append(await sessions.ask(wanted.session_id, command, sender))
    return answer(
        {
            "status": "announced",
            "sessions_notified": [view.state.session_id for view in told],
            "participant_count": sum(view.state.count() for view in told),
        }
    )


async def _open_rooms(request: web.Request) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        rows = await request.app[ROOMS].list(_OPEN, limit=_PAGE, after=after)
        found.extend(row.session_id for row in rows)
        if len(rows) < _PAGE:
            return found
        after = rows[-1].session_id


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/live-announce",
        announce,
        "Announce something to those who are there",
        "staff",
        AnnounceRequest,
        refusals=(404, 409),
    ),
)
