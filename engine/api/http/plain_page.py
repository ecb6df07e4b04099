"""Server-rendered pages in the studio's language: the newsletter's, a session's before it is published, the API's.

They work without scripts, and their one style sheet comes from this host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
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

__all__ = [
    "STYLES",
    "PageContext",
    "bare_page",
    "embedded_page",
    "page_context",
    "plain_page",
    "preview_tags",
    "styles",
]

STYLES = "/api/plain.css"


@dataclass(frozen=True, slots=True)
class PageContext:
    """What a server-rendered page is made with: the studio, its texts in one language, and the site's addresses."""

    studio: Studio
    words: Words
    links: Links


async def page_context(request: web.Request, *, language: str | None = None) -> PageContext:
    """Read ``studio.toml``, on a thread; ``language`` overrides the studio's own."""
    return await asyncio.to_thread(_page_context, request.app[DATA], request.app[LINKS], language)


def _page_context(data: Path, links: Links, language: str | None) -> PageContext:
    # Imports Babel's data of all languages: a server is ready sooner without.
    from publisher.rendering.words import words_for

    studio = studio_of(data)
    return PageContext(studio, words_for(language or studio.language), links)


def plain_page(
    page: PageContext,
    title: str,
    body: str,
    *,
    status: int = 200,
    index: bool = False,
    description: str = "",
    image: str = "/card.png",
    address: str = "",
    by_people: bool = False,
) -> web.Response:
    """A page that looks like the site's own. ``body`` is HTML, ``title`` and ``description`` are text.

    ``index`` lets search engines index it; a ``description`` adds the tags for link previews (Open Graph), with the paths of
    a picture and of the page itself. ``by_people``: the title is not one of ours.
    """
    words, here = page.words, page.links.here
    navigation = _links(
        page, (("/sessions/", "sessions"), ("/techniques/", "techniques"), ("/subscribe/", "subscribe"))
    )
    footer = _links(page, (("/imprint/", "imprint"), ("/privacy/", "privacy")), around="<li>{}</li>")
    name, written = escape(page.studio.name), page.studio.written
    of_title = written if by_people else ""
    return _html_response(
        _head(page, title, index=index, styles="/assets/site.css")
        + (preview_tags(page, title, description, image, address) if description else "")
        + f'</head><body><a class="skip" href="#content">{escape(words("layout.skip"))}</a>'
        f'<header class="masthead"><a class="brand" href="{escape(here("/"))}">{_mark(page)}<span{written}>{name}</span></a>'
        f'<nav aria-label="{escape(words("layout.site"))}">{navigation}</nav></header>'
        f'<main id="content"><h1{of_title}>{escape(title)}</h1>{body}</main>'
        f'<footer class="colophon"><p class="colophon-name"{written}>{name}</p><ul>{footer}</ul></footer>'
        f'<script type="module" src="{escape(here("/assets/local-time.js"))}"></script></body></html>',
        status,
    )


def embedded_page(
    page: PageContext, title: str, body: str, *, scripts: Iterable[str], headers: Mapping[str, str]
) -> web.Response:
    """A page for a frame on another site: without masthead and footer. ``body`` is HTML, ``scripts`` are names of the site's."""
    here = page.links.here
    tags = "".join(
        f'<script type="module" src="{escape(here(f"/assets/{name}"))}"></script>' for name in scripts
    )
    response = _html_response(
        _head(page, title, index=False, styles="/assets/site.css")
        + f'</head><body><main id="content">{body}</main>{tags}</body></html>',
        200,
    )
    response.headers.update(headers)
    return response


def bare_page(page: PageContext, title: str, body: str) -> web.Response:
    """A page without the site's column, for wide tables. ``body`` is HTML, ``title`` is text."""
    footer = _links(page, (("/", "home"), ("/imprint/", "imprint"), ("/privacy/", "privacy")))
    return _html_response(
        _head(page, title, index=False, styles=STYLES)
        + f"</head><body><main><h1>{escape(title)}</h1>{body}</main>"
        f'<footer><nav aria-label="{escape(page.words("layout.site"))}">{footer}</nav></footer></body></html>',
        200,
    )


_MARK = (
    '<svg width="28" height="28" viewBox="0 0 28 28" aria-hidden="true"><circle class="mark-fill" cx="14" cy="14" r="7"/>'
    '<circle class="mark-ring" cx="14" cy="14" r="12.5" fill="none"/></svg>'
)


def _mark(page: PageContext) -> str:
    """What stands before the studio's name: its logo, or our circle."""
    logo = page.studio.look.logo
    if logo is None:
        return _MARK
    source = escape(page.links.here("/assets/logo.png"))
    return f'<img class="logo" src="{source}?v={logo.digest}" width="{logo.width}" height="{logo.height}" alt="">'


def _links(page: PageContext, links: Iterable[tuple[str, str]], *, around: str = "{}") -> str:
    return " ".join(
        around.format(f'<a href="{escape(page.links.here(path))}">{escape(page.words(f"layout.{name}"))}</a>')
        for path, name in links
    )


def _head(page: PageContext, title: str, *, index: bool, styles: str) -> str:
    robots = "" if index else '<meta name="robots" content="noindex">'
    your_time = escape(page.words("layout.your_time"))
    return (
        f'<!doctype html><html lang="{page.words.language}" dir="{page.words.direction}" data-your-time="{your_time}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'{robots}<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{escape(page.links.here(styles))}">'
    )


def preview_tags(page: PageContext, title: str, description: str, image: str, address: str) -> str:
    """The tags for previews of links (Open Graph); ``image`` and ``address`` are paths."""
    tags = {
        "og:site_name": page.studio.name,
        "og:type": "website",
        "og:title": title,
        "og:description": description,
        "og:image": page.links.absolute(image),
        "og:image:width": "1200",
        "og:image:height": "630",
        **({"og:url": page.links.absolute(address)} if address else {}),
    }
    return (
        f'<meta name="description" content="{escape(description)}">'
        + "".join(f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items())
        + '<meta name="twitter:card" content="summary_large_image">'
    )


def _html_response(text: str, status: int) -> web.Response:
    return web.Response(
        text=text,
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-cache"},
    )


async def styles(request: web.Request) -> web.Response:
    """Serve the style sheet of ``bare_page``."""
    # Imported on use, as the studio is: a server is ready sooner without.
    from publisher.rendering.look import site_rules

    page = await page_context(request)
    return web.Response(
        text=_style_sheet() + site_rules(page.studio.look),
        content_type="text/css",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "max-age=3600"},
    )


@cache
def _style_sheet() -> str:
    return Path(__file__).with_name("plain.css").read_text(encoding="utf-8")
