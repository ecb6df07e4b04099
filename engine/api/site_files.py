"""The published site at ``/``: plain files, revalidated by ETag, folders by their ``index.html``.

What is not there yet and belongs to a session that people may know of is answered from the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from pathlib import Path

from aiohttp import hdrs, web
from markupsafe import Markup
from markupsafe import escape as markup

from engine.api.http.app_keys import CLOCK, DATA, LINKS, SESSIONS, caller_of
from engine.api.http.plain_page import Ground, ground, plain_page
from engine.api.http.responses import refusal
from engine.domain.instant import Millis, to_datetime
from engine.domain.session import Phase, Session

__all__ = ["serve"]

_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".ics": "text/calendar; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_COMPACT = {".html", ".css", ".js", ".mjs", ".json", ".xml", ".ics", ".txt", ".svg"}
_NAMED: Mapping[str, str] = {
    "feed.xml": "application/rss+xml; charset=utf-8",
    "feed.json": "application/feed+json; charset=utf-8",
}


async def serve(request: web.Request) -> web.StreamResponse:
    """A file of the site, the page of a session that has none yet, or the site's own 404."""
    path = request.path
    if path == "/session" or path.startswith("/session/"):
        raise _to(request, f"/sessions{path.removeprefix('/session')}")
    public = request.app[DATA] / "public"
    found = await asyncio.to_thread(_find, public, path)
    if found is not None and found.name == "index.html" and not path.endswith(("/", "/index.html")):
        raise _to(request, f"{path}/")
    if found is not None:
        return _file(request, found, lasting=path.startswith("/assets/") and "v" in request.query)
    session_id = _session_of(path)
    if session_id is not None:
        caller = caller_of(request, session_id)
        if caller.belongs(session_id):
            hidden = await asyncio.to_thread(_find, request.app[DATA] / "private", path)
            if hidden is not None:
                return _file(request, hidden, lasting=False)
        view = await request.app[SESSIONS].look(session_id)
        if view is not None and (view.state.details.visibility != "private" or caller.belongs(session_id)):
            if not path.endswith("/"):
                raise _to(request, f"{path}/")
            return await _before_publication(request, view.state)
    return await _nothing(request, public)


def _to(request: web.Request, path: str) -> web.HTTPPermanentRedirect:
    """To another path of this host, below whatever path the site is served at."""
    return web.HTTPPermanentRedirect(request.app[LINKS].here(path))


def _find(public: Path, path: str) -> Path | None:
    """The file of a path, or None. Runs on a thread: it asks the disk."""
    parts = [part for part in path.split("/") if part]
    if any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
        return None
    try:
        found = public.joinpath(*parts)
        if found.is_dir():
            found /= "index.html"
        elif path.endswith("/"):
            return None
        # A link that leads out of the site is not of the site.
        inside = found.is_file() and found.resolve().is_relative_to(public.resolve())
    except (OSError, ValueError):
        return None
    return found if inside else None


class _File(web.FileResponse):
    """A file, which knows only when it is opened what becomes of the conditions that it was asked for under."""

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Anything but the whole file is sent as it is: a part of it as it lies there, and nothing as nothing.

        Raises:
            web.HTTPException: a condition does not hold; the connection answers it.
        """
        if status == 412:
            raise web.HTTPPreconditionFailed
        if status == 416:
            raise web.HTTPRequestRangeNotSatisfiable(
                headers={hdrs.CONTENT_RANGE: self.headers[hdrs.CONTENT_RANGE]}
            )
        super().set_status(status, reason)
        if status != 200:
            self.enable_compression(web.ContentCoding.identity)


def _file(request: web.Request, found: Path, *, lasting: bool) -> web.FileResponse:
    # The parts of the feed's archive are feeds too.
    name = "feed.xml" if found.parent.name == "feed" and found.suffix == ".xml" else found.name
    kind = _NAMED.get(name) or _TYPES.get(found.suffix.lower(), "application/octet-stream")
    # An address with a version in it never changes its bytes.
    cache = "public, max-age=31536000, immutable" if lasting else "no-cache"
    headers = {hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: cache}
    if found.suffix.lower() not in _COMPACT:
        return _File(found, headers=headers)
    response = _File(found, headers={**headers, hdrs.VARY: hdrs.ACCEPT_ENCODING})
    if request.method == hdrs.METH_GET:
        # Whether there is a body to pack is known when the file is opened, and not before.
        response.enable_compression()
    return response


def _session_of(path: str) -> str | None:
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) == 2 and parts[0] == "sessions" else None


async def _nothing(request: web.Request, public: Path) -> web.StreamResponse:
    own = await asyncio.to_thread(_find, public, "/404.html")
    wants_page = "text/html" in request.headers.get(hdrs.ACCEPT, "text/html")
    if own is None or not wants_page:
        return refusal(404, "not_found", f"There is nothing at {request.path[:200]}.")
    page = await asyncio.to_thread(own.read_bytes)
    return web.Response(
        body=page,
        status=404,
        content_type="text/html",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


async def _before_publication(request: web.Request, state: Session) -> web.Response:
    details, on = state.details, await ground(request)
    words = on.words
    match state.phase:
        case Phase.CANCELLED:
            told = _said(words("before.cancelled"))
        case Phase.LIVE:
            told = _said(words("before.live")) + _way_in(on, state, "join")
        case Phase.SCHEDULED | Phase.WAITING:
            told = (
                _said(words("before.starts", when=_moment(on, details.scheduled_start)))
                + _said(
                    words(
                        "before.opens",
                        time=words.time_of_day(to_datetime(state.opens_at).astimezone(on.studio.zone)),
                    )
                )
                + _way_in(on, state, "how")
            )
            if details.visibility == "public":
                calendar = escape(on.links.here("/calendar.ics"))
                told += f'<p><a href="{calendar}">{escape(words("before.calendar"))}</a></p>'
        case _:
            told = _said(words("before.over"))
    by = f'<p class="lede">{escape(words("before.with", name=details.instructor))}</p>'
    about = "".join(_said(part) for part in (details.description or "").split("\n\n") if part)
    soon = state.phase in (Phase.ENDING, Phase.ENDED) or request.app[CLOCK].now() < state.opens_at
    index = not soon and details.visibility == "public"
    starts = to_datetime(details.scheduled_start).astimezone(on.studio.zone)
    day = f"{words.day(starts, weekday=True)}, {words.time_of_day(starts)} {on.studio.zone_at(starts)}"
    described = (
        "" if details.visibility == "private" else f"{words('before.with', name=details.instructor)} {day}."
    )
    return plain_page(on, details.title, by + about + told, index=index, description=described)


def _said(text: str) -> str:
    """A paragraph of text, or of markup that was made here."""
    return f"<p>{markup(text)}</p>"


def _way_in(on: Ground, state: Session, name: str) -> str:
    join = on.links.absolute(f"/sessions/join/{state.session_id}")
    return f'<p><a class="button way-in" href="{escape(join)}">{escape(on.words(f"before.{name}"))}</a></p>'


def _moment(on: Ground, at: Millis) -> Markup:
    there = to_datetime(at).astimezone(on.studio.zone)
    words = on.words
    told = words("before.when", day=words.day(there, weekday=True), time=words.time_of_day(there))
    zone = on.studio.zone_at(there)
    return Markup('<time datetime="{}" data-local>{}</time> <span class="zone">{}</span>').format(
        f"{to_datetime(at):%Y-%m-%dT%H:%MZ}", told, zone
    )
