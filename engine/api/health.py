"""Liveness, readiness and metrics of the server."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from engine.api.http.app_keys import DATABASE, READY, REGISTRY
from engine.api.http.endpoint import Endpoint
from engine.api.http.responses import answer

__all__ = ["ENDPOINTS"]


async def alive(_: web.Request) -> web.Response:
    """200 while the process answers requests."""
    return answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 while requests are served; 503 while the server starts or drains, or its database is away: send them elsewhere."""
    reason = request.app[READY]()
    if reason is None and not await asyncio.to_thread(request.app[DATABASE].answers):
        reason = "database does not answer"
    return answer({"status": "ready"}) if reason is None else answer({"status": reason}, 503)


async def metrics(request: web.Request) -> web.Response:
    """Metrics in Prometheus' text format."""
    text = generate_latest(request.app[REGISTRY])
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


ENDPOINTS = (
    Endpoint("GET", "/healthz", alive, "Liveness"),
    Endpoint("GET", "/readyz", ready, "Readiness", refusals=(503,)),
    Endpoint("GET", "/metrics", metrics, "Metrics for Prometheus", media_type="text/plain"),
)
