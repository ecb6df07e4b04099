"""All of HTTP put together: one function for the application's constructor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.api import (
    analytics,
    announce,
    drafts,
    health,
    me,
    newsletter,
    platform_events,
    publications,
    rooms,
    site_files,
    summaries,
)
from engine.api.http import docs_page, openapi
from engine.api.http.app_keys import (
    CLOCK,
    CREDENTIALS,
    DATA,
    LINKS,
    PUBLISHING,
    READY,
    REGISTRY,
    ROOMS,
    SESSIONS,
    SHELF,
    Shelf,
    caller_of,
)
from engine.api.http.bodies import read_nothing
from engine.api.http.callers import NOBODY, Credentials
from engine.api.http.endpoint import Endpoint, Handler, both_spellings
from engine.api.http.metrics import HttpFigures
from engine.api.http.middleware import AddressRates, gate
from engine.api.http.plain_page import STYLES, ground, styles
from engine.api.http.ports import Publishing, Readiness, Sessions
from engine.api.http.responses import answer
from engine.api.http.session_links import Links
from engine.clock import Clock
from engine.protocol.rates import Rate
from engine.protocol.tokens import Tokens
from engine.storage.keys import Keys
from engine.storage.rooms import RoomCatalogue

__all__ = ["ENDPOINTS", "setup"]

ENDPOINTS: tuple[Endpoint, ...] = (
    *rooms.ENDPOINTS,
    *platform_events.ENDPOINTS,
    *summaries.ENDPOINTS,
    *announce.ENDPOINTS,
    *analytics.ENDPOINTS,
    *publications.ENDPOINTS,
    *drafts.ENDPOINTS,
    *me.ENDPOINTS,
    *health.ENDPOINTS,
)


def setup(
    app: web.Application,
    *,
    sessions: Sessions,
    rooms: RoomCatalogue,
    keys: Keys,
    tokens: Tokens,
    clock: Clock,
    data: Path,
    public_url: str,
    publishing: Publishing,
    registry: CollectorRegistry,
    ready: Readiness,
    requests_per_minute: int,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Add the API, its documents, health, the gate that every request passes, and the site.

    Call it after every other route is there: the site answers what nothing else does.
    """
    app[SESSIONS] = sessions
    app[ROOMS] = rooms
    app[CREDENTIALS] = Credentials(keys, tokens)
    app[CLOCK] = clock
    app[DATA] = data
    app[LINKS] = Links(public_url.rstrip("/"))
    app[PUBLISHING] = publishing
    app[READY] = ready
    app[REGISTRY] = registry
    app[SHELF] = Shelf(data)
    rates = AddressRates(Rate(requests_per_minute))
    app.middlewares.append(
        gate(
            clock=clock,
            ready=ready,
            rates=rates,
            trusted_proxies=trusted_proxies,
            figures=HttpFigures(registry),
        )
    )
    for endpoint in ENDPOINTS:
        for path in both_spellings(endpoint.path):
            if endpoint.method == "GET":
                # And HEAD, which is the same without its body.
                app.router.add_get(path, endpoint.handler)
            else:
                app.router.add_route(endpoint.method, path, _strict(endpoint))
    _documents(app, public_url.rstrip("/"))
    newsletter.add_routes(app)
    app.cleanup_ctx.append(_shelf)
    # What is below /api/ and unknown is refused by the router, which knows the methods.
    app.router.add_get("/{path:(?!api/).*}", site_files.serve)


def _strict(endpoint: Endpoint) -> Handler:
    """The handler of an endpoint; where there is nothing to send, nothing else is taken."""
    if endpoint.body is not None:
        return endpoint.handler

    async def without_body(request: web.Request) -> web.StreamResponse:
        # A stranger is told so first: it is the handler that knows how.
        if caller_of(request) != NOBODY:
            await read_nothing(request)
        return await endpoint.handler(request)

    return without_body


def _documents(app: web.Application, public_url: str) -> None:
    @cache
    def document() -> dict[str, Any]:
        # Made for the first who asks: a start does not wait for it.
        return openapi.document(ENDPOINTS, version=_version(), server=public_url)

    async def as_json(_: web.Request) -> web.Response:
        return answer(document())

    async def as_page(request: web.Request) -> web.Response:
        return docs_page.render(await ground(request, language="en"), document())

    app.router.add_get("/api/openapi.json", as_json)
    app.router.add_get("/api/docs", as_page)
    app.router.add_get("/api/docs/", as_page)
    app.router.add_get(STYLES, styles)


async def _shelf(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[SHELF].close()


def _version() -> str:
    try:
        return version("halcytone-live")
    except PackageNotFoundError:
        return "0"
