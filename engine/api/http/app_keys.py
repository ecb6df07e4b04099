"""The application's typed keys: what handlers work with, set once by ``routes.setup``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.api.http.callers import Caller, Credentials
from engine.api.http.key_reloads import KeyReloads
from engine.api.http.open_connections import OpenConnections
from engine.api.http.ports import AskOthers, Publishing, Readiness, Sessions, View, WebhookTests
from engine.api.http.session_links import Links
from engine.api.http.site_wait import SiteWait
from engine.clock import Clock
from engine.domain.rejection import NotFound
from engine.domain.text import SESSION_ID
from engine.sessions.series.schedule import SeriesSchedule
from engine.storage.database import Connection, Database
from engine.storage.leaders import Leaders, Led
from engine.storage.nodes import NodeRow
from engine.storage.rooms import RoomCatalogue

__all__ = [
    "CATALOGUE",
    "CLOCK",
    "CONNECTIONS",
    "CREDENTIALS",
    "DATA",
    "DATABASE",
    "DATABASE_THREADS",
    "KEY_RELOADS",
    "LEADERS",
    "LED",
    "LINKS",
    "NODES",
    "OTHERS",
    "PUBLISHING",
    "READY",
    "REGISTRY",
    "ROOMS",
    "SERIES",
    "SESSIONS",
    "SITE_WAIT",
    "TOKEN_VALID_UNTIL",
    "WEBHOOKS",
    "WEBHOOKS_MAY_BE_PRIVATE",
    "WITHOUT_PLACE",
    "Backend",
    "CataloguePool",
    "caller_of",
    "leading_now",
    "reauthenticate",
    "session_id_of",
    "visible",
]

CLOCK = web.AppKey("clock", Clock)
CONNECTIONS = web.AppKey("connections", OpenConnections)
CREDENTIALS = web.AppKey("credentials", Credentials)
DATA = web.AppKey("data", Path)
DATABASE: web.AppKey[Database] = web.AppKey("database")
KEY_RELOADS = web.AppKey("key_reloads", KeyReloads)
LEADERS = web.AppKey("leaders", Leaders)
LINKS = web.AppKey("links", Links)
NODES: web.AppKey[Callable[[], Sequence[NodeRow]]] = web.AppKey("nodes")
OTHERS: web.AppKey[AskOthers] = web.AppKey("others")
PUBLISHING: web.AppKey[Publishing] = web.AppKey("publishing")
READY: web.AppKey[Readiness] = web.AppKey("ready")
REGISTRY = web.AppKey("registry", CollectorRegistry)
ROOMS: web.AppKey[RoomCatalogue] = web.AppKey("rooms")
SERIES = web.AppKey("series", SeriesSchedule)
SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions")
SITE_WAIT: web.AppKey[SiteWait] = web.AppKey("site_wait")

WEBHOOKS: web.AppKey[WebhookTests] = web.AppKey("webhooks")
WEBHOOKS_MAY_BE_PRIVATE = web.AppKey("webhooks_may_be_private", bool)

_AUTHENTICATED_FOR: web.RequestKey[str | None] = web.RequestKey("authenticated_for")
"""Set once a request was authenticated: the ``session_id`` that was given."""
LED = web.RequestKey("led", Led)
"""What the key of the request leads, or the key that its token was given to, where that is not everything."""
WITHOUT_PLACE = web.RequestKey("without_place", bool)
"""Whether the registration of the request opens its session no more."""
TOKEN_VALID_UNTIL = web.RequestKey("token_valid_until", int)
"""What the session of the request's token says of it, in milliseconds."""

_Result = TypeVar("_Result")
_SESSION_ID = re.compile(SESSION_ID.removesuffix("$"))


class CataloguePool:
    """A database connection on a thread of its own, for the publisher's catalogue, whose methods block."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api-catalogue")

    async def ask(self, question: Callable[[Connection], _Result]) -> _Result:
        """Run ``question`` with the connection on the thread; returns its result."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: question(self._connection)
        )

    async def close(self) -> None:
        """Finish what runs, and close the connection."""
        with self._connection:
            await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)


CATALOGUE = web.AppKey("catalogue", CataloguePool)
DATABASE_THREADS = web.AppKey("database_threads", ThreadPoolExecutor)
"""For the team's keys, which open connections of their own: while the database stands still that takes seconds, and the
loop's own few threads read the files of the site."""
_DATABASE_THREADS = 4


@dataclass(frozen=True, slots=True)
class Backend:
    """The rest of the server, as the API uses it."""

    sessions: Sessions
    rooms: RoomCatalogue
    series: SeriesSchedule
    credentials: Credentials
    clock: Clock
    data: Path
    """The data folder: the published site, ``studio.toml``."""
    database: Database
    public_url: str
    """Base of absolute links."""
    publishing: Publishing
    readiness: Readiness
    registry: CollectorRegistry
    """The Prometheus registry that ``/metrics`` shows."""
    connections: OpenConnections
    nodes: Callable[[], Sequence[NodeRow]]
    """The servers of this studio, this one among them."""
    others: AskOthers
    leaders: Leaders
    webhooks: WebhookTests
    webhooks_may_be_private: bool
    """Whether webhooks may lead to addresses of private networks."""

    def provide(self, app: web.Application) -> None:
        """Put each part under its key, where handlers find it."""
        app[SESSIONS] = self.sessions
        app[SITE_WAIT] = SiteWait()
        app[ROOMS] = self.rooms
        app[SERIES] = self.series
        app[CREDENTIALS] = self.credentials
        app[KEY_RELOADS] = KeyReloads(self.credentials.keys)
        app[CLOCK] = self.clock
        app[DATA] = self.data
        app[DATABASE] = self.database
        app[LINKS] = Links(self.public_url.rstrip("/"))
        app[PUBLISHING] = self.publishing
        app[READY] = self.readiness
        app[REGISTRY] = self.registry
        app[CONNECTIONS] = self.connections
        app[NODES] = self.nodes
        app[OTHERS] = self.others
        app[LEADERS] = self.leaders
        app[WEBHOOKS] = self.webhooks
        app[WEBHOOKS_MAY_BE_PRIVATE] = self.webhooks_may_be_private
        app[CATALOGUE] = CataloguePool(self.database)
        app[DATABASE_THREADS] = ThreadPoolExecutor(_DATABASE_THREADS, thread_name_prefix="api-database")


def caller_of(request: web.Request, session_id: str | None = None) -> Caller:
    """Authenticate a request; ``session_id`` where the route's pattern does not name it.

    Raises:
        BadCredential: a credential is sent that is unknown, revoked or expired.
    """
    request[_AUTHENTICATED_FOR] = session_id
    return request.app[CREDENTIALS].caller(
        request,
        request.app[CLOCK].now(),
        session_id,
        token_valid_until=request.get(TOKEN_VALID_UNTIL),
        led=request.get(LED),
        without_place=request.get(WITHOUT_PLACE, False),
    )


def reauthenticate(request: web.Request) -> None:
    """Authenticate a request again where that was done before its body, which may have been long on its way.

    Raises:
        BadCredential: the credential was revoked meanwhile, or has expired.
    """
    if _AUTHENTICATED_FOR in request:
        caller_of(request, request[_AUTHENTICATED_FOR])


async def leading_now(request: web.Request, caller: Caller) -> Caller:
    """The caller with what their key leads by now, having just made something."""
    if caller.key is None or caller.led is None:
        return caller
    led = request[LED] = await request.app[LEADERS].led_by(caller.key.name)
    return replace(caller, led=led)


def session_id_of(request: web.Request) -> str:
    """The session id in the path.

    Raises:
        NotFound: no session can have such an id.
    """
    session_id = request.match_info["session_id"]
    if not _SESSION_ID.fullmatch(session_id):
        raise NotFound("unknown_session", f"There is no session {session_id[:100]}.")
    return session_id


async def visible(request: web.Request, caller: Caller) -> View:
    """The session of the path, if the caller may know of it.

    Raises:
        NotFound: there is none, or it is private and the caller is a stranger to it.
    """
    session_id = session_id_of(request)
    view = await request.app[SESSIONS].view(session_id)
    caller.need_sight(None if view is None else view.state, session_id)
    assert view is not None
    return view
