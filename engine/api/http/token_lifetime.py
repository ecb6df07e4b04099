"""How long the token of a request is valid: as long as its session says now, whatever the token says itself."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web
from aiohttp.typedefs import Handler

from engine.api.http.app_keys import CREDENTIALS, SESSIONS, TOKEN_VALID_UNTIL
from engine.domain.instant import Millis
from engine.protocol.tokens import SessionToken, valid_until

__all__ = ["token_lifetime_middleware"]

_SOCKETS = "/ws/"


@web.middleware
def token_lifetime_middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Look up the session of the request's token, so that handlers can ask who the caller is without waiting."""
    if request.path.startswith(_SOCKETS):
        return handler(request)
    token = request.app[CREDENTIALS].token(request)
    return handler(request) if token is None else _after_look(request, handler, token)


async def _after_look(request: web.Request, handler: Handler, token: SessionToken) -> web.StreamResponse:
    request[TOKEN_VALID_UNTIL] = await _valid_until(request, token)
    return await handler(request)


async def _valid_until(request: web.Request, token: SessionToken) -> Millis:
    view = await request.app[SESSIONS].view(token.session_id)
    return token.expires_at if view is None else valid_until(view.state)
