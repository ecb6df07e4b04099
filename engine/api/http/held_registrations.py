"""Whether the registration that a request's secret proves still opens a session by invitation.

The secret is made from the signing key alone and stays valid for ever. A session by invitation is opened only by a
registration with a place in it: not by one that was cancelled, nor by that of a series whose date was closed alone.
"""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web
from aiohttp.typedefs import Handler

from engine.api.http.app_keys import CATALOGUE, CREDENTIALS, SESSIONS, WITHOUT_PLACE
from engine.api.http.callers import credential_of
from engine.domain.registrations import REGISTRATION_PREFIX
from engine.storage.places import Places

__all__ = ["held_registrations_middleware"]

_SOCKETS = "/ws/"


@web.middleware
def held_registrations_middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Look up the place of the request's registration, so that handlers can ask who the caller is without waiting."""
    secret, session_id = credential_of(request), _session_of(request)
    if secret is None or session_id is None or request.path.startswith(_SOCKETS):
        return handler(request)
    client_id = request.app[CREDENTIALS].tokens.resumed_client_id(session_id, secret)
    if client_id is None or not client_id.startswith(REGISTRATION_PREFIX):
        return handler(request)
    return _after_look(request, handler, session_id, client_id)


def _session_of(request: web.Request) -> str | None:
    """The session that the path is about, on pages of the site too."""
    named = request.match_info.get("session_id")
    parts = request.path.split("/")
    return parts[2] if named is None and parts[1:2] == ["sessions"] and len(parts) > 2 else named


async def _after_look(
    request: web.Request, handler: Handler, session_id: str, client_id: str
) -> web.StreamResponse:
    view = await request.app[SESSIONS].view(session_id)
    if view is not None and view.state.details.by_invitation and client_id not in view.state.members:
        place = await request.app[CATALOGUE].ask(
            lambda connection: Places(connection).place(session_id, client_id)
        )
        request[WITHOUT_PLACE] = place is None
    return await handler(request)
