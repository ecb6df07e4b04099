"""The routes of the HTTP API: every endpoint, its documents, the newsletter, the site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api import health, nodes, techniques, webhooks
from engine.api.examples import examples
from engine.api.http import events_page, openapi, reference_page
from engine.api.http.addresses import AddressRates
from engine.api.http.app_keys import CATALOGUE, DATABASE_THREADS, Backend, caller_of
from engine.api.http.bodies import read_empty
from engine.api.http.callers import NOBODY
from engine.api.http.endpoint import Endpoint, Handler, both_spellings
from engine.api.http.held_registrations import held_registrations_middleware
from engine.api.http.led_sessions import led_sessions_middleware
from engine.api.http.metrics import RequestMetrics
from engine.api.http.middleware import request_middleware
from engine.api.http.plain_page import STYLES, page_context, styles
from engine.api.http.responses import answer
from engine.api.http.token_lifetime import token_lifetime_middleware
from engine.api.newsletter import subscriptions as newsletter
from engine.api.pages import (
    embed_pages,
    registration_pages,
    series_pages,
    series_registration_pages,
    site_files,
)
from engine.api.publishing import analytics, drafts, newsletter_preview, publications, summaries
from engine.api.registrations import attendance, letter
from engine.api.registrations import endpoints as registrations
from engine.api.series import endpoints as series
from engine.api.sessions import announce, me, platform_events
from engine.api.sessions import endpoints as sessions
from engine.api.team import keys, passkeys, sign_in
from engine.domain.instant import HOUR, Millis, iso
from engine.protocol import asyncapi
from engine.protocol.rates import Rate

__all__ = ["ENDPOINTS", "setup"]

ENDPOINTS: tuple[Endpoint, ...] = (
    *sessions.ENDPOINTS,
    *series.ENDPOINTS,
    *platform_events.ENDPOINTS,
    *summaries.ENDPOINTS,
    *announce.ENDPOINTS,
    *analytics.ENDPOINTS,
    *publications.ENDPOINTS,
    *drafts.ENDPOINTS,
    *newsletter_preview.ENDPOINTS,
    *me.ENDPOINTS,
    *registrations.ENDPOINTS,
    *letter.ENDPOINTS,
    *attendance.ENDPOINTS,
    *keys.ENDPOINTS,
    *sign_in.ENDPOINTS,
    *passkeys.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *techniques.ENDPOINTS,
    *nodes.ENDPOINTS,
    *health.ENDPOINTS,
)


def setup(
    app: web.Application, backend: Backend, *, requests_per_minute: int, forwarding: Middleware | None = None
) -> None:
    """Add the API, its documents, health checks, the middleware that every request passes, and the site.

    Call it after every other route is added: the site answers what nothing else does. ``forwarding`` hands requests for
    sessions of other servers to those.
    """
    backend.provide(app)
    app.middlewares.append(
        request_middleware(
            clock=backend.clock,
            ready=backend.readiness,
            rates=AddressRates(Rate(requests_per_minute)),
            addresses=backend.connections.addresses,
            metrics=RequestMetrics(backend.registry),
        )
    )
    if forwarding is not None:
        app.middlewares.append(forwarding)
    app.middlewares.append(token_lifetime_middleware)
    app.middlewares.append(led_sessions_middleware)
    app.middlewares.append(held_registrations_middleware)
    _add_endpoints(app)
    _add_documents(app, backend.public_url.rstrip("/"), backend.clock.now)
    newsletter.add_routes(app)
    registration_pages.add_routes(app)
    series_pages.add_routes(app)
    embed_pages.add_routes(app)
    series_registration_pages.add_routes(app)
    app.cleanup_ctx.append(_close_threads)
    # What is below /api/ and unknown is refused by the router, which knows the methods.
    app.router.add_get("/{path:(?!api/).*}", site_files.serve)


def _add_endpoints(app: web.Application) -> None:
    for endpoint in ENDPOINTS:
        for path in both_spellings(endpoint.path):
            if endpoint.method == "GET":
                # And HEAD, which is the same without its body.
                app.router.add_get(path, endpoint.handler)
            else:
                app.router.add_route(endpoint.method, path, _strict(endpoint))


def _strict(endpoint: Endpoint) -> Handler:
    """The handler of an endpoint; one without a request body refuses any."""
    if endpoint.body is not None:
        return endpoint.handler

    async def without_body(request: web.Request) -> web.StreamResponse:
        # Without a credential the handler's own refusal comes first.
        if caller_of(request) != NOBODY:
            await read_empty(request)
        return await endpoint.handler(request)

    return without_body


def _add_documents(app: web.Application, public_url: str, now: Callable[[], Millis]) -> None:
    @lru_cache(maxsize=1)
    def document(yesterday: str) -> dict[str, Any]:
        # Built on the first request: a start does not wait for it.
        return openapi.document(
            ENDPOINTS, version=_version(), server=public_url, examples=examples(yesterday)
        )

    async def as_json(_: web.Request) -> web.Response:
        # In a thread: describing everything takes up to half a second, for which the sockets must not wait.
        return answer(await asyncio.to_thread(document, iso(now() - 24 * HOUR)[:10]))

    async def as_page(request: web.Request) -> web.Response:
        return reference_page.render(await page_context(request, language="en"))

    @cache
    def events() -> dict[str, Any]:
        return asyncapi.document(version=_version(), server=public_url)

    async def events_as_json(_: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(events))

    async def events_as_page(request: web.Request) -> web.Response:
        described = await asyncio.to_thread(events)
        return events_page.render(await page_context(request, language="en"), described)

    app.router.add_get("/api/openapi.json", as_json)
    app.router.add_get("/api/asyncapi.json", events_as_json)
    app.router.add_get("/api/events", events_as_page)
    app.router.add_get("/api/docs", as_page)
    app.router.add_get("/api/docs/", as_page)
    app.router.add_get(f"{reference_page.FILES}/{{name}}", reference_page.file)
    app.router.add_get(STYLES, styles)


async def _close_threads(app: web.Application) -> AsyncIterator[None]:
    yield
    app[DATABASE_THREADS].shutdown(wait=False, cancel_futures=True)
    await app[CATALOGUE].close()


def _version() -> str:
    try:
        return version("halcytone-live")
    except PackageNotFoundError:
        return "0"
