"""Plain pages of our own: readable, without scripts, with one style sheet from this host."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

from aiohttp import hdrs, web

__all__ = ["STYLES", "plain_page", "styles"]

STYLES = "/api/plain.css"


def plain_page(title: str, body: str, *, status: int = 200, index: bool = False) -> web.Response:
    """A page with ``body``, which is HTML. ``title`` is text; ``index`` lets search engines keep it."""
    robots = "" if index else '<meta name="robots" content="noindex">'
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{robots}<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{STYLES}"></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main>"
        '<footer><nav aria-label="Site"><a href="/">Home</a> <a href="/imprint/">Imprint</a> '
        '<a href="/privacy/">Privacy</a></nav></footer></body></html>'
    )
    return web.Response(
        text=text,
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-cache"},
    )


async def styles(_: web.Request) -> web.Response:
    """The style sheet."""
    return web.Response(
        text=_sheet(), content_type="text/css", charset="utf-8", headers={hdrs.CACHE_CONTROL: "max-age=3600"}
    )


@cache
def _sheet() -> str:
    return Path(__file__).with_name("plain.css").read_text(encoding="utf-8")
