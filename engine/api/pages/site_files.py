"""The published site at ``/``: static files, revalidated by ETag, folders by their ``index.html``.

The page of a session that is not published yet is rendered from the session, for those who may know of it. What those pages
are made with is there from the first request on, before the first site is built.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from html import escape
from pathlib import Path
from typing import IO, Any

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from engine.api.http.app_keys import CONNECTIONS, DATA, LINKS, SESSIONS, SITE_WAIT, caller_of
from engine.api.http.open_connections import NoDescriptor, lacks_descriptors
from engine.api.http.plain_page import page_context, plain_page
from engine.api.http.ranged_file import RangedFile
from engine.api.http.responses import error_response
from engine.api.http.studio_identity import studio_of
from engine.api.pages.session_pages import coming_card, is_withdrawn, page_before_publication
from engine.domain.rejection import NotFound
from publisher.rendering.assets import asset

__all__ = ["file_response", "find_file", "not_found", "serve"]

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
_ASSETS = "/assets/"
_NEVER_BEHIND = (_ASSETS, "/pagefind/")
_SOON_S = 3
_LATER_S = 30
_FEEDS = ("/feed.xml", "/feed.json")
_COMPRESSIBLE = {".html", ".css", ".js", ".mjs", ".json", ".xml", ".ics", ".txt", ".svg"}
_NAMED: Mapping[str, str] = {
    "feed.xml": "application/rss+xml; charset=utf-8",
    "feed.json": "application/feed+json; charset=utf-8",
}


async def serve(request: web.Request) -> web.StreamResponse:
    """Serve a file of the site, the page of a session before it is published, or the site's 404 page."""
    path = request.path
    if not path.startswith(_NEVER_BEHIND):
        await request.app[SITE_WAIT].caught_up()
    if path == "/session" or path.startswith("/session/"):
        raise _redirect(request, f"/sessions{path.removeprefix('/session')}")
    public = request.app[DATA] / "public"
    found = await asyncio.to_thread(find_file, public, path)
    if found is not None and found.name == "index.html" and not path.endswith(("/", "/index.html")):
        raise _redirect(request, f"{path}/")
    if found is not None:
        response = file_response(request, found, immutable=path.startswith(_ASSETS) and "v" in request.query)
        if path in _FEEDS:
            await _link_hub(request, response)
        return response
    session_id = _session_of(path)
    if session_id is not None:
        caller = caller_of(request, session_id)
        if caller.belongs(session_id):
            hidden = await asyncio.to_thread(find_file, request.app[DATA] / "private", path)
            if hidden is not None:
                return file_response(request, hidden, immutable=False)
        view = await request.app[SESSIONS].view(session_id)
        seen = view is None or view.state.details.visibility != "private" or caller.belongs(session_id)
        if seen and (view is None or view.state.phase.is_over) and await is_withdrawn(request, session_id):
            return await _gone(request)
        if seen and view is not None:
            if not path.endswith("/"):
                raise _redirect(request, f"{path}/")
            return await page_before_publication(request, view.state)
    if path.startswith(_ASSETS):
        unbuilt = await asyncio.to_thread(_asset, request.app[DATA], path.removeprefix(_ASSETS))
        if unbuilt is not None:
            return _unbuilt_asset(path, unbuilt)
    card_of = _card_of(path)
    if card_of is not None:
        view = await request.app[SESSIONS].view(card_of)
        if view is not None and view.state.details.visibility != "private":
            return await coming_card(request, view.state)
    return await not_found(request)


async def _link_hub(request: web.Request, response: web.StreamResponse) -> None:
    """Name hub and feed in the head, where readers look first (WebSub, section 4)."""
    studio = await asyncio.to_thread(studio_of, request.app[DATA])
    if studio.websub_hub:
        own = request.app[LINKS].absolute(request.path)
        response.headers.add(hdrs.LINK, f'<{studio.websub_hub}>; rel="hub"')
        response.headers.add(hdrs.LINK, f'<{own}>; rel="self"')


def _redirect(request: web.Request, path: str) -> web.HTTPPermanentRedirect:
    """A redirect to another path of this host, below the path that the site is served at."""
    return web.HTTPPermanentRedirect(request.app[LINKS].here(path))


def find_file(public: Path, path: str) -> Path | None:
    """The file of a URL path below a folder, or None. Blocking: called on a thread."""
    parts = [part for part in path.split("/") if part]
    if any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
        return None
    try:
        found = public.joinpath(*parts)
        if found.is_dir():
            found /= "index.html"
        elif path.endswith("/"):
            return None
        # A symbolic link out of the folder is not followed.
        inside = found.is_file() and found.resolve().is_relative_to(public.resolve())
    except (OSError, ValueError) as error:
        if lacks_descriptors(error):
            raise
        return None
    return found if inside else None


class _ConditionalFile(RangedFile):
    """A file response in our shape of errors: aiohttp checks its conditions and ranges when the file is opened."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the file, which counts among what the process has open."""
        connections = request.config_dict.get(CONNECTIONS) if isinstance(request, web.Request) else None
        with nullcontext() if connections is None else connections.file():
            return await super().prepare(request)

    async def _sendfile(
        self, request: web.BaseRequest, fobj: IO[Any], offset: int, count: int
    ) -> AbstractStreamWriter:
        # uvloop has no sendfile, and with asyncio's nobody could see whether the client reads.
        writer = await web.StreamResponse.prepare(self, request)
        assert writer is not None
        return await self._sendfile_fallback(writer, fobj, offset, count)

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Called by aiohttp when it knows the status. Only a whole file is compressed; a range is sent as it is stored.

        Raises:
            web.HTTPException: a condition or range cannot be met, or too many files are open; ``HttpConnection`` sends it
                as an error.
        """
        if status == 404 and lacks_descriptors(sys.exception()):
            # aiohttp takes any error of opening the file for its absence.
            raise NoDescriptor
        if status == 412:
            raise web.HTTPPreconditionFailed
        if status == 416:
            raise web.HTTPRequestRangeNotSatisfiable(
                headers={hdrs.CONTENT_RANGE: self.headers[hdrs.CONTENT_RANGE]}
            )
        super().set_status(status, reason)
        if status != 200:
            self.enable_compression(web.ContentCoding.identity)


def file_response(request: web.Request, found: Path, *, immutable: bool) -> web.FileResponse:
    """A file by its type: for a year in caches where ``immutable``, else revalidated by its ETag."""
    # The parts of the feed's archive are feeds too.
    name = "feed.xml" if found.parent.name == "feed" and found.suffix == ".xml" else found.name
    content_type = _NAMED.get(name) or _TYPES.get(found.suffix.lower(), "application/octet-stream")
    # An address with a version in it never changes its bytes.
    cache = "public, max-age=31536000, immutable" if immutable else "no-cache"
    headers = {hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: cache}
    if found.suffix.lower() not in _COMPRESSIBLE:
        return _ConditionalFile(found, headers=headers)
    response = _ConditionalFile(found, headers={**headers, hdrs.VARY: hdrs.ACCEPT_ENCODING})
    if request.method == hdrs.METH_GET:
        # Taken back by ``set_status`` when it turns out not to be the whole file.
        response.enable_compression()
    return response


def _asset(data: Path, path: str) -> bytes | None:
    """One of the site's own files, as the site will have it once it is built. Blocking."""
    return asset(studio_of(data).look, path)


def _unbuilt_asset(path: str, data: bytes) -> web.Response:
    suffix = Path(path).suffix.lower()
    content_type = _TYPES.get(suffix, "application/octet-stream")
    # The site that is being built may have another look already.
    headers = {hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-cache"}
    response = web.Response(body=data, headers=headers)
    if suffix in _COMPRESSIBLE:
        response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        response.enable_compression()
    return response


def _session_of(path: str) -> str | None:
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) == 2 and parts[0] == "sessions" else None


def _card_of(path: str) -> str | None:
    parts = path.split("/")
    return parts[2] if len(parts) == 4 and (parts[1], parts[3]) == ("sessions", "card.png") else None


async def _gone(request: web.Request) -> web.StreamResponse:
    if "text/html" not in request.headers.get(hdrs.ACCEPT, "text/html"):
        return error_response(410, "withdrawn", "The story of this session was withdrawn.")
    page = await page_context(request)
    text = f"<p>{escape(page.words('before.withdrawn_said'))}</p>"
    return plain_page(page, page.words("before.withdrawn"), text, status=410)


async def _not_built(request: web.Request) -> web.Response:
    """What a reader sees where nothing of the site is built.

    At its home page: that it comes soon, or that it is late. The browser asks for it again.
    """
    page = await page_context(request)
    is_home, late = request.path == "/", request.app[SITE_WAIT].first_site_is_late
    title, sentence = "missing.title", "missing.said"
    if is_home:
        title, sentence = "before.built_soon", "before.built_soon_said"
        if late:
            title, sentence = "before.built_late", "before.built_late_said"
    body = f"<p>{escape(page.words(sentence))}</p>"
    response = plain_page(page, page.words(title), body, status=503 if is_home else 404)
    if is_home:
        again = str(_LATER_S if late else _SOON_S)
        response.headers.update({hdrs.RETRY_AFTER: again, "Refresh": again})
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


async def not_found(request: web.Request, unknown: NotFound | None = None) -> web.StreamResponse:
    """The site's 404 page, or an error for programs: ``unknown`` where more is known than the path."""
    own = await asyncio.to_thread(find_file, request.app[DATA] / "public", "/404.html")
    wants_page = "text/html" in request.headers.get(hdrs.ACCEPT, "text/html")
    if not wants_page:
        unknown = unknown or NotFound("not_found", f"There is nothing at {request.path[:200]}.")
        return error_response(404, unknown.code, unknown.message)
    if own is None:
        return await _not_built(request)
    page = await asyncio.to_thread(own.read_bytes)
    return web.Response(
        body=page,
        status=404,
        content_type="text/html",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
