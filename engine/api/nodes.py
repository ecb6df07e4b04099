"""``/nodes``: the servers of this studio, as the one that is asked sees them."""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import NODES, caller_of
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.domain.instant import iso

__all__ = ["ENDPOINTS"]


async def nodes(request: web.Request) -> web.Response:
    """List the servers of this studio: one, or those that share a PostgreSQL database.

    ``sessions`` is how many a server owns, ``site_at`` when its copy of the site was made; both are a second old at most.
    """
    caller_of(request).need_key()
    found = [
        {
            "node_id": row.node,
            "url": row.url,
            "alive": row.connected,
            "sessions": row.sessions,
            "site_at": None if row.site_at is None else iso(row.site_at),
            "version": row.version,
        }
        for row in request.app[NODES]()
    ]
    return answer({"nodes": found})


ENDPOINTS = (Endpoint("GET", f"{API}/nodes", nodes, "List the servers of this studio", "key"),)
