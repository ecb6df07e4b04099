"""What handlers find in the application: typed keys, set once by ``routes.setup``."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.api.callers import Caller, Credentials
from engine.api.links import Links
from engine.api.ports import Publishing, Readiness, Sessions, View
from engine.clock import Clock
from engine.domain.rejection import NotFound
from engine.domain.text import SESSION_ID
from engine.storage.database import FILE_NAME, connect
from engine.storage.rooms import RoomCatalogue

__all__ = [
    "CLOCK",
    "CREDENTIALS",
    "DATA",
    "LINKS",
    "PUBLISHING",
    "READY",
    "REGISTRY",
    "ROOMS",
    "SESSIONS",
    "SHELF",
    "Shelf",
    "caller_of",
    "session_id_of",
    "still_known",
    "visible",
]

CLOCK = web.AppKey("clock", Clock)
CREDENTIALS = web.AppKey("credentials", Credentials)
DATA = web.AppKey("data", Path)
LINKS = web.AppKey("links", Links)
PUBLISHING: web.AppKey[Publishing] = web.AppKey("publishing")
READY: web.AppKey[Readiness] = web.AppKey("ready")
REGISTRY = web.AppKey("registry", CollectorRegistry)
ROOMS: web.AppKey[RoomCatalogue] = web.AppKey("rooms")
SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions")

_ASKED_ABOUT: web.RequestKey[str | None] = web.RequestKey("asked_about")
"""Who asks was asked; the session that it was asked with."""

_Result = TypeVar("_Result")
_SESSION_ID = re.compile(SESSION_ID.removesuffix("$"))


class Shelf:
    """The database file for the publisher's verbs, which block: one thread, one connection."""

    def __init__(self, data: Path) -> None:
        self._connection = connect(data / FILE_NAME)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api-shelf")

    async def ask(self, question: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """The answer to a question that runs on the thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: question(self._connection)
        )

    async def close(self) -> None:
        """Let go of the file."""
        with closing(self._connection):
            await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)


SHELF = web.AppKey("shelf", Shelf)


def caller_of(request: web.Request, session_id: str | None = None) -> Caller:
    """Who asks; ``session_id`` where the path has it under no name.

    Raises:
        BadCredential: a credential is presented, and is none.
    """
    request[_ASKED_ABOUT] = session_id
    return request.app[CREDENTIALS].caller(request, request.app[CLOCK].now(), session_id)


def still_known(request: web.Request) -> None:
    """Ask again who asks, where that was asked before the body: it may have been long on its way.

    Raises:
        BadCredential: the credential was revoked meanwhile, or has expired.
    """
    if _ASKED_ABOUT in request:
        caller_of(request, request[_ASKED_ABOUT])


def session_id_of(request: web.Request) -> str:
    """The session of the path.

    Raises:
        NotFound: no session can have such an id.
    """
    session_id = request.match_info["session_id"]
    if not _SESSION_ID.fullmatch(session_id):
        raise NotFound("unknown_session", f"There is no session {session_id[:100]}.")
    return session_id


async def visible(request: web.Request, caller: Caller) -> View:
    """The session of the path, as far as the caller may know of it.

    Raises:
        NotFound: there is none; a private one looks the same to strangers.
    """
    session_id = session_id_of(request)
    view = await request.app[SESSIONS].look(session_id)
    caller.need_sight(None if view is None else view.state, session_id)
    assert view is not None
    return view
