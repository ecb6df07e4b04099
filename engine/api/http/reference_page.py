"""The reference of the HTTP API: the OpenAPI document shown by Swagger UI, from this server alone.

Swagger UI and not another renderer: it is the one that works under our content policy as it is. Scalar and Redoc put style
sheets into the page that the policy forbids, and Redoc sends no requests.
"""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

from aiohttp import hdrs, web

from engine.api.http.plain_page import PageContext, bare_page

__all__ = ["FILES", "file", "render"]

FILES = "/api/reference"
"""Below it lie script and style sheet of the page."""
_FOLDER = Path(__file__).with_name("swagger_ui")
_TYPES = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}


def render(page: PageContext) -> web.Response:
    """The page; without scripts it says where the documents are. English, whatever the studio's language."""
    here = page.links.here
    scripts = "".join(
        f'<script src="{escape(here(f"{FILES}/{name}"))}" defer></script>'
        for name in ("swagger-ui-bundle.js", "start.js")
    )
    return bare_page(
        page,
        "Halcytone Live API",
        f'<link rel="stylesheet" href="{escape(here(f"{FILES}/swagger-ui.css"))}">'
        f'<p>For programs: <a href="{escape(here("/api/openapi.json"))}">openapi.json</a> (OpenAPI 3.1). Sockets and webhooks: '
        f'<a href="{escape(here("/api/events"))}">their reference</a>, and '
        f'<a href="{escape(here("/api/asyncapi.json"))}">asyncapi.json</a> (AsyncAPI 3).</p>'
        f'<div id="reference" data-document="{escape(here("/api/openapi.json"))}"></div>{scripts}',
    )


async def file(request: web.Request) -> web.Response:
    """One of the page's files, which change with a version of this program only."""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound(text="There is no such file.")
    return web.Response(
        body=_read(name),
        content_type=_TYPES[name],
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "max-age=3600"},
    )


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
