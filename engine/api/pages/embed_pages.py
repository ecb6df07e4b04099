"""``/embed/next`` and ``/embed/pacer/SLUG``: small pages that other sites may show in a frame, those of ``embed_on`` alone."""

from __future__ import annotations

import json
from html import escape
from zoneinfo import ZoneInfo

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, ROOMS
from engine.api.http.middleware import CONTENT_POLICY
from engine.api.http.plain_page import PageContext, embedded_page, page_context
from engine.api.pages.session_pages import local_time, paragraph, zone_of
from engine.api.pages.site_files import not_found
from engine.domain.techniques import lookup
from engine.storage.rows import RoomRow
from engine.storage.techniques import OwnTechniques

__all__ = ["add_routes", "framed_by"]

_NOWHERE = "frame-ancestors 'none'"


def add_routes(app: web.Application) -> None:
    """Add the pages to an application."""
    app.router.add_get("/embed/next", next_session)
    app.router.add_get("/embed/pacer/{slug}", pacer)


def framed_by(origins: tuple[str, ...]) -> dict[str, str]:
    """The headers of a page that pages of these origins may show in a frame, and nobody else."""
    ancestors = f"frame-ancestors {' '.join(origins)}" if origins else _NOWHERE
    return {
        "Content-Security-Policy": CONTENT_POLICY.replace(_NOWHERE, ancestors),
        # Of a page that is shown elsewhere, also where that one asks for it (COEP).
        "Cross-Origin-Resource-Policy": "cross-origin" if origins else "same-origin",
    }


async def next_session(request: web.Request) -> web.Response:
    """The studio's next public session: title, time, and the way to its page."""
    page = await page_context(request)
    rooms = await request.app[ROOMS].upcoming(1)
    body = paragraph(page.words("embed.none"))
    if rooms:
        body = _session(page, rooms[0], await zone_of(request, page, rooms[0].series_id))
    body += f"<p>{_link(page, '/', page.studio.name, written=True)}</p>"
    return embedded_page(
        page, page.studio.name, body, scripts=("local-time.js",), headers=framed_by(page.studio.embed_on)
    )


async def pacer(request: web.Request) -> web.StreamResponse:
    """The pacer of one technique, ours or the studio's own; not of those for which everybody is asked before."""
    slug = request.match_info["slug"]
    technique, own = lookup.CATALOGUE.get(slug), None
    if technique is None:
        own = await request.app[CATALOGUE].ask(lambda connection: OwnTechniques(connection).get(slug))
        technique = own.technique if own else None
    if technique is None or technique.pattern is None or technique.group is not None:
        return await not_found(request)
    page = await page_context(request)
    body = (
        f"<h1{page.studio.written if own else ''}>{escape(technique.name)}</h1>"
        '<div class="player" data-pacer hidden></div>'
        f'<script type="application/json" id="words">{_json(page.words.table("script"))}</script>'
        f'<script type="application/json" id="pattern">{_json(technique.pattern.as_json())}</script>'
        f"<p>{_link(page, f'/techniques/{technique.slug}/', page.words('embed.about', name=technique.name))}</p>"
    )
    return embedded_page(
        page, technique.name, body, scripts=("pacer-page.js",), headers=framed_by(page.studio.embed_on)
    )


def _session(page: PageContext, room: RoomRow, zone: ZoneInfo) -> str:
    words, live = page.words, room.phase == "live"
    starts = local_time(page, room.scheduled_start, zone)
    when = words("before.live") if live else words("before.starts", when=starts)
    path = f"/sessions/join/{room.session_id}" if live else f"/sessions/{room.session_id}/"
    return (
        f"<h1{page.studio.written}>{escape(room.title)}</h1>"
        + paragraph(when)
        + paragraph(words("before.with", name=room.instructor))
        + f"<p>{_link(page, path, words('before.join' if live else 'before.how'), button=True)}</p>"
    )


def _link(page: PageContext, path: str, text: str, *, written: bool = False, button: bool = False) -> str:
    """A link that opens beside the page that shows the frame."""
    kind = ' class="button way-in"' if button else ""
    of_people = page.studio.written if written else ""
    address = escape(page.links.absolute(path))
    return f'<a{kind} href="{address}" target="_blank" rel="noopener"{of_people}>{escape(text)}</a>'


def _json(value: object) -> str:
    """JSON inside a ``<script>``, which nothing in it ends."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
