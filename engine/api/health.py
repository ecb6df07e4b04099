"""Liveness, readiness and metrics of the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from engine.api.http.app_keys import CATALOGUE, DATABASE, READY, REGISTRY, SITE_WAIT
from engine.api.http.endpoint import Endpoint
from engine.api.http.metrics import MailMetrics
from engine.api.http.responses import answer
from engine.storage.database import Connection, DatabaseError
from engine.storage.nodes import BUILDS_FIRST_SITE
from publisher.catalogue.mail_report import mail_counts, paused_addresses

__all__ = ["ENDPOINTS"]

_DATABASE_ANSWERS_WITHIN_S = 2.0


async def alive(_: web.Request) -> web.Response:
    """200 while the process answers requests."""
    return answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 while requests are served; 503 while the server starts or drains, or its database is away: send them elsewhere.

    One of several servers is not ready either, after its start, while it builds its copy of a site that another one has.
    """
    reason = request.app[READY]()
    if reason is None and not await asyncio.to_thread(request.app[DATABASE].answers):
        reason = "database does not answer"
    if reason is None and await asyncio.to_thread(request.app[SITE_WAIT].awaits_first_site):
        reason = BUILDS_FIRST_SITE
    return answer({"status": "ready"}) if reason is None else answer({"status": reason}, 503)


async def metrics(request: web.Request) -> web.Response:
    """Metrics in Prometheus' text format."""
    text = generate_latest(request.app[REGISTRY])
    # While the database is away, or stands still, the rest is there to say so.
    with suppress(DatabaseError, TimeoutError):
        async with asyncio.timeout(_DATABASE_ANSWERS_WITHIN_S):
            text += generate_latest((await request.app[CATALOGUE].ask(_mail_metrics)).registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


def _mail_metrics(connection: Connection) -> MailMetrics:
    counted = MailMetrics()
    for count in mail_counts(connection):
        counted.add(count.kind, count.state, count.mails, held=count.held)
    if connection.has_table("subscribers"):
        counted.pause(paused_addresses(connection))
    return counted


ENDPOINTS = (
    Endpoint("GET", "/healthz", alive, "Liveness"),
    Endpoint("GET", "/readyz", ready, "Readiness", refusals=(503,)),
    Endpoint("GET", "/metrics", metrics, "Metrics for Prometheus", media_type="text/plain"),
)
