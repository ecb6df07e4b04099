"""``/live-announce``: an announcement to one session, or to all that are waiting or live."""

from __future__ import annotations

import json
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, StrictBool, ValidationInfo, field_validator

from engine.api.http.app_keys import OTHERS, ROOMS, SESSIONS, caller_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import NOBODY
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import View
from engine.api.http.responses import answer
from engine.api.models import Body
from engine.domain import commands as c
from engine.domain.rejection import BadCredential, Conflict, Moved
from engine.domain.text import Name, Paragraphs, SessionId
from engine.domain.values import Link

__all__ = ["ENDPOINTS"]

_OPEN_PHASES = ("waiting", "live")
_PAGE_SIZE = 500


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


async def announce(request: web.Request) -> web.Response:
    """Announce something once in each session that is meant."""
    caller = caller_of(request)
    if caller == NOBODY:
        raise BadCredential("credential_needed", "This needs a key, or the instructor's token.")
    body = checked(AnnounceRequest, await read_json(request))
    announcement = body.announcement
    command = c.Announce(announcement.title, announcement.message, announcement.action_url, announcement.type)
    sender = c.Sender(caller.role)
    sessions = request.app[SESSIONS]
    notified: list[View] = []
    elsewhere: list[dict[str, Any]] = []
    if body.session_id is None:
        caller.need_key()
        for session_id in filter(caller.leads, await _open_sessions(request)):
            try:
                notified.append(await sessions.ask(session_id, command, sender))
            except (Conflict, Moved):
                # It ended after the list was read: nobody is there to hear it. Or another server has it, and is told.
                continue
        elsewhere = [json.loads(body) for body in await request.app[OTHERS](request)]
    else:
        view = await sessions.view(body.session_id)
        caller.need_sight(None if view is None else view.state, body.session_id)
        caller.need_staff(body.session_id)
        notified.append(await sessions.ask(body.session_id, command, sender))
    return answer(
        {
            "status": "announced",
            "sessions_notified": [
                *(view.state.session_id for view in notified),
                *(session_id for each in elsewhere for session_id in each["sessions_notified"]),
            ],
            "participant_count": sum(view.state.count() for view in notified)
            + sum(each["participant_count"] for each in elsewhere),
        }
    )


async def _open_sessions(request: web.Request) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        rows = await request.app[ROOMS].list(_OPEN_PHASES, limit=_PAGE_SIZE, after=after)
        found.extend(row.session_id for row in rows)
        if len(rows) < _PAGE_SIZE:
            return found
        after = rows[-1].session_id


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/live-announce",
        announce,
        "Announce to those who are there",
        "staff",
        AnnounceRequest,
        refusals=(404, 409),
    ),
)
