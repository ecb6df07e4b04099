"""Looks up what the key of a request leads, so that handlers can ask who the caller is without waiting."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web
from aiohttp.typedefs import Handler

from engine.api.http.app_keys import CREDENTIALS, KEY_RELOADS, LEADERS, LED
from engine.api.http.callers import credential_of
from engine.storage.keys import Key, KeyRole

__all__ = ["led_sessions_middleware"]

_SOCKETS = "/ws/"


@web.middleware
def led_sessions_middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """For keys that do not lead everything, and tokens that were given to such keys."""
    secret = credential_of(request)
    if secret is None or request.path.startswith(_SOCKETS):
        return handler(request)
    credentials = request.app[CREDENTIALS]
    # Tokens and resumes have two dots.
    if secret.count(".") == 2:
        token = credentials.token(request)
        name = None if token is None else token.key_name
        key = None if name is None else credentials.keys.in_force(name)
    else:
        key = credentials.keys.identify(secret)
        if key is None and credentials.keys.in_memory:
            return _after_reading_keys(request, handler, secret)
    if key is None or key.role is KeyRole.ADMIN:
        return handler(request)
    return _after_look(request, handler, key)


async def _after_reading_keys(request: web.Request, handler: Handler, secret: str) -> web.StreamResponse:
    """Another server may have made the key a moment ago: the table is read once more before it is refused."""
    await request.app[KEY_RELOADS].again()
    key = request.app[CREDENTIALS].keys.identify(secret)
    if key is None or key.role is KeyRole.ADMIN:
        return await handler(request)
    return await _after_look(request, handler, key)


async def _after_look(request: web.Request, handler: Handler, key: Key) -> web.StreamResponse:
    request[LED] = await request.app[LEADERS].led_by(key.name)
    return await handler(request)
