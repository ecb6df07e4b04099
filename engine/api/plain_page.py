"""Plain pages of our own: readable, without scripts, with one style sheet from this host, in the studio's language."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from engine.api.identity import studio_of
from engine.api.links import Links
from engine.api.wiring import DATA, LINKS

if TYPE_CHECKING:
    from publisher.studio import Studio
    from publisher.words import Words

__all__ = ["STYLES", "Ground", "ground", "plain_page", "styles"]

STYLES = "/api/plain.css"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every page stands on: who publishes, in which words, and below which path."""

    studio: Studio
    words: Words
    links: Links


async def ground(request: web.Request, *, language: str | None = None) -> Ground:
    """The studio and the addresses as they are now, in the studio's language or another one. Reads ``studio.toml``."""
    return await asyncio.to_thread(_ground, request.app[DATA], request.app[LINKS], language)


def _ground(data: Path, links: Links, language: str | None) -> Ground:
    # With the calendars of all languages behind it: a server is ready sooner without.
    from publisher.words import words_for

    studio = studio_of(data)
    return Ground(studio, words_for(language or studio.language), links)


def plain_page(on: Ground, title: str, body: str, *, status: int = 200, index: bool = False) -> web.Response:
    """A page with ``body``, which is HTML. ``title`` is text; ``index`` lets search engines keep it."""
    words, here = on.words, on.links.here
    robots = "" if index else '<meta name="robots" content="noindex">'
    nav = " ".join(
        f'<a href="{escape(here(path))}">{escape(words(f"layout.{name}"))}</a>'
        for path, name in (("/", "home"), ("/imprint/", "imprint"), ("/privacy/", "privacy"))
    )
    text = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{robots}<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{escape(here(STYLES))}"></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main>"
        f'<footer><nav aria-label="{escape(words("layout.site"))}">{nav}</nav></footer></body></html>'
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
