"""The documents at ``/docs/``: the folder that ``make docs`` built and ``HALCYTONE_DOCS`` names, as static files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from pathlib import Path

import structlog
from aiohttp import web

from engine.api.http.app_keys import LINKS
from engine.api.http.middleware import CONTENT_POLICY
from engine.api.pages.site_files import file_response, find_file, not_found

__all__ = ["add_routes", "policy_for"]

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

log = structlog.get_logger(__name__)


def add_routes(app: web.Application, folder: Path) -> None:
    """Add the routes. Without documents in ``folder`` that is said in the log, and everything below is a 404."""
    if not (folder / "index.html").is_file():
        log.warning("no documents", folder=str(folder), remedy="`make docs` builds them into var/docs")

    async def serve(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        found = await asyncio.to_thread(find_file, folder, path)
        if found is None:
            return await not_found(request)
        response = file_response(request, found, immutable=False)
        if found.suffix == ".html":
            policy = policy_for(await asyncio.to_thread(found.read_bytes))
            response.headers["Content-Security-Policy"] = policy
        return response

    async def with_slash(request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(request.app[LINKS].here("/docs/"))

    app.router.add_get("/docs", with_slash)
    app.router.add_get("/docs/{path:.*}", serve)


def policy_for(page: bytes) -> str:
    """The content policy of a page: the server's, which the scripts that stand in this page pass by their digests."""
    digests = [hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(page)]
    allowed = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return CONTENT_POLICY.replace("script-src 'self'", f"script-src 'self'{allowed}")
