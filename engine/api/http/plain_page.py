"""Plain pages of our own: readable, without scripts, with one style sheet from this host, in the studio's language."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from engine.api.http.app_keys import DATA, LINKS
from engine.api.http.session_links import Links
from engine.api.http.studio_identity import studio_of

if TYPE_CHECKING:
    from publisher.rendering.studio import Studio
    from publisher.rendering.words import Words

__all__ = ["STYLES", "Ground", "bare_page", "ground", "plain_page", "styles"]

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
    from publisher.rendering.words import words_for

    studio = studio_of(data)
    return Ground(studio, words_for(language or studio.language), links)


def plain_page(
    on: Ground, title: str, body: str, *, status: int = 200, index: bool = False, description: str = ""
) -> web.Response:
    """A page with ``body``, which is HTML, that looks like the site's own. ``title`` is text.

    ``index`` lets search engines keep it; with a ``description`` it can be shared.
    """
    words, here = on.words, on.links.here
    menu = _links(
        on, (("/sessions/", "sessions"), ("/techniques/", "techniques"), ("/subscribe/", "subscribe"))
    )
    below = _links(on, (("/imprint/", "imprint"), ("/privacy/", "privacy")), around="<li>{}</li>")
    name = escape(on.studio.name)
    return _sent(
        _head(on, title, index=index, styles="/assets/site.css")
        + (_shared(on, title, description) if description else "")
        + f'</head><body><a class="skip" href="#content">{escape(words("layout.skip"))}</a>'
        f'<header class="masthead"><a class="brand" href="{escape(here("/"))}">{_MARK}<span>{name}</span></a>'
        f'<nav aria-label="{escape(words("layout.site"))}">{menu}</nav></header>'
        f'<main id="content"><h1>{escape(title)}</h1>{body}</main>'
        f'<footer class="colophon"><p class="colophon-name">{name}</p><ul>{below}</ul></footer>'
        f'<script type="module" src="{escape(here("/assets/local-time.js"))}"></script></body></html>',
        status,
    )


def bare_page(on: Ground, title: str, body: str) -> web.Response:
    """A page of long tables, wider than the site's column."""
    below = _links(on, (("/", "home"), ("/imprint/", "imprint"), ("/privacy/", "privacy")))
    return _sent(
        _head(on, title, index=False, styles=STYLES)
        + f"</head><body><main><h1>{escape(title)}</h1>{body}</main>"
        f'<footer><nav aria-label="{escape(on.words("layout.site"))}">{below}</nav></footer></body></html>',
        200,
    )


_MARK = (
    '<svg width="28" height="28" viewBox="0 0 28 28" aria-hidden="true"><circle class="mark-fill" cx="14" cy="14" r="7"/>'
    '<circle class="mark-ring" cx="14" cy="14" r="12.5" fill="none"/></svg>'
)


def _links(on: Ground, links: Iterable[tuple[str, str]], *, around: str = "{}") -> str:
    return " ".join(
        around.format(f'<a href="{escape(on.links.here(path))}">{escape(on.words(f"layout.{name}"))}</a>')
        for path, name in links
    )


def _head(on: Ground, title: str, *, index: bool, styles: str) -> str:
    robots = "" if index else '<meta name="robots" content="noindex">'
    yours = escape(on.words("layout.your_time"))
    return (
        f'<!doctype html><html lang="{on.words.language}" data-your-time="{yours}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'{robots}<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{escape(on.links.here(styles))}">'
    )


def _shared(on: Ground, title: str, description: str) -> str:
    told = {
        "og:site_name": on.studio.name,
        "og:type": "website",
        "og:title": title,
        "og:description": description,
        "og:image": on.links.absolute("/card.png"),
    }
    return f'<meta name="description" content="{escape(description)}">' + "".join(
        f'<meta property="{name}" content="{escape(text)}">' for name, text in told.items()
    )


def _sent(text: str, status: int) -> web.Response:
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
