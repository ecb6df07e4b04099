"""The HTML shells of the live pages: the participant's, the instructor's console, the wall.

The browser's modules do the rest. A shell knows nothing of a session but what previews of a shared join link show, and of a
private one nothing at all; tokens stand in the URL's fragment, which browsers send to no server.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from engine.domain.techniques.lookup import CATALOGUE
from engine.web import qr_code
from engine.web.reader_language import reader_language
from engine.web.static_files import PREFIX, StaticFiles
from engine.web.studio_sounds import PREFIX as SOUNDS
from engine.web.studio_sounds import StudioSounds
from publisher.rendering import resources
from publisher.rendering.look import Look, live_page_rules, recoloured

if TYPE_CHECKING:
    import jinja2

__all__ = ["CONTENT_SECURITY_POLICY", "PreviewOf", "StudioPages", "setup"]

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        # The sound of the pacer is rendered on the page.
        "media-src 'self' blob:",
        "style-src 'self'",
        "script-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_OWN_STYLES: Final = "studio.css"
_ICON: Final = "icon.svg"
_MAX_LINK_LENGTH: Final = 1500
_SHARED_MODULES: Final = ("api.js", "dom.js", "i18n.js", "memory.js", "room-state.js", "tab-memory.js")
_CLIENT_MODULES: Final = (
    "halcytone-client.js",
    "pending-commands.js",
    "clock.js",
    "close-codes.js",
    "feedback-queue.js",
    "connection.js",
    "pings.js",
    "position.js",
    "page-events.js",
    "sleep-detector.js",
)


PreviewOf: TypeAlias = Callable[[web.Request], Awaitable[tuple[str, str] | None]]
"""The title of the session of a join link, and the HTML of the tags that previews of the link are made of; None for none."""


@dataclass(frozen=True, slots=True)
class _Page:
    """The values of the one template; ``modules`` are preloaded, before the script that imports them has come."""

    screen: str
    title: str
    script: str
    styles: tuple[str, ...]
    modules: tuple[str, ...] = ()
    strings: tuple[str, ...] = ("strings",)
    """Folders of its texts, one file for each language."""
    tone: str | None = None


_JOIN: Final = _Page(
    screen="entry",
    title="Breathe together",
    script="participant.js",
    styles=("base.css", "participant.css", "pacer.css"),
    modules=(*_SHARED_MODULES, "import-or-reload.js", "participant/entry.js", "participant/invitation.js"),
)
_CONSOLE: Final = _Page(
    screen="console",
    title="Console",
    script="console.js",
    styles=("base.css", "participant.css", "pacer.css", "console.css"),
    modules=(*_SHARED_MODULES, "import-or-reload.js", "console/credential.js"),
    strings=("strings", "strings/console"),
)
_WALL: Final = _Page(
    screen="wall",
    title="Breathe together",
    script="wall.js",
    styles=("base.css", "pacer.css", "wall.css"),
    modules=(
        *_SHARED_MODULES,
        *_CLIENT_MODULES,
        "pacer.js",
        "pacer-view.js",
        "wake-lock.js",
        "wall/board.js",
        "wall/seat.js",
    ),
    tone="dark",
)


TechniquesOf: TypeAlias = Callable[[web.Request], Awaitable[list[dict[str, object]]]]
"""The techniques that a plan can be made of, as JSON."""


async def _catalogue_alone(_: web.Request) -> list[dict[str, object]]:
    return [technique.as_json() for technique in CATALOGUE.values()]


async def _no_preview(_: web.Request) -> None:
    """No session has a preview."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioPages:
    """What the live pages show of a studio."""

    public_url: str
    """The server's address for others: only links on it become QR codes."""
    name: str
    time_zone: str = "UTC"
    """By its IANA name, UTC where it stated none: the console keeps its clock when it copies a session."""
    look: Look = field(default_factory=Look)
    sounds: Path | None = None
    """The folder of the studio's own, if it has one."""


def setup(
    app: web.Application,
    studio: StudioPages,
    *,
    preview_of: PreviewOf = _no_preview,
    techniques_of: TechniquesOf = _catalogue_alone,
) -> None:
    """Add the live pages and their files to an application.

    ``preview_of`` is what a shared join link shows, ``techniques_of`` which techniques a plan can be made of.
    """
    shells = _Shells(studio)

    async def join(request: web.Request) -> web.Response:
        return shells.render(_JOIN, request, await preview_of(request))

    async def console(request: web.Request) -> web.Response:
        return shells.render(_CONSOLE, request)

    async def wall(request: web.Request) -> web.Response:
        return shells.render(_WALL, request)

    async def techniques(request: web.Request) -> web.Response:
        return web.json_response(await techniques_of(request))

    async def code(request: web.Request) -> web.Response:
        return await _qr(request, studio.public_url)

    for prefix in ("/sessions", "/session"):
        app.router.add_get(f"{prefix}/join/{{session_id}}", join)
        app.router.add_get(f"{prefix}/join/{{session_id}}/", join)
    app.router.add_get("/console", console)
    app.router.add_get("/console/", console)
    app.router.add_post("/console/qr", code)
    app.router.add_get("/console/techniques", techniques)
    app.router.add_get("/wall/{session_id}", wall)
    app.router.add_get("/wall/{session_id}/", wall)
    app.router.add_get(f"{PREFIX}/{{path:.+}}", shells.files.serve)
    app.router.add_get(f"{SOUNDS}/{{name}}", shells.sounds.serve)


class _Shells:
    """Renders the shells of a studio's pages; ``files`` and ``sounds`` serve what they name."""

    def __init__(self, studio: StudioPages) -> None:
        folder = Path(__file__).with_name("static")
        own = _own_files(folder, studio.look)
        self._studio = studio
        self._base = urlsplit(studio.public_url).path.rstrip("/")
        self._own_styles = (_OWN_STYLES,) if _OWN_STYLES in own else ()
        self.files = StaticFiles(folder, own)
        self.sounds = StudioSounds(studio.sounds)
        photos = {name: self._address(file) for name, file in _photo_files(studio.look)}
        self._photos = json.dumps(photos, ensure_ascii=False) if photos else None

    def render(
        self, page: _Page, request: web.Request, preview: tuple[str, str] | None = None
    ) -> web.Response:
        """The shell in the reader's language; ``preview`` is the title and the tags of a join link's."""
        studio, language = self._studio, reader_language(request.headers.get("Accept-Language", ""))
        title, preview_tags = preview or (page.title, "")
        joins = page is _JOIN
        html = _template().render(
            language=language,
            title=title,
            preview_tags=preview_tags,
            studio_name=studio.name,
            base=self._base,
            static=self._address,
            styles=(*page.styles, *self._own_styles),
            preload=(*page.modules, *(f"{folder}/{language}.js" for folder in page.strings)),
            script=page.script,
            screen=page.screen,
            zone=studio.time_zone if page is _CONSOLE and studio.time_zone != "UTC" else None,
            tone=page.tone,
            logo=studio.look.logo if joins else None,
            photos=self._photos if joins else None,
            sounds=self.sounds.as_attribute(self._base) if joins else None,
        )
        return web.Response(text=html, content_type="text/html", headers=_HEADERS)

    def _address(self, name: str) -> str:
        return self._base + self.files.address(name)


def _own_files(folder: Path, look: Look) -> dict[str, bytes]:
    """The files in which a studio's look differs from ours; none where it has none of its own."""
    own = {name: picture.data for name, picture in look.pictures.items()}
    if rules := live_page_rules(look):
        own[_OWN_STYLES] = rules.encode()
    if look.has_accent:
        own[_ICON] = recoloured((folder / _ICON).read_bytes(), look)
    return own


def _photo_files(look: Look) -> list[tuple[str, str]]:
    """Each instructor with a photo, and the name of its file."""
    found = ((name, look.photo_of(name)) for name in look.photos)
    return [(name, photo[0]) for name, photo in found if photo]


@cache
def _template() -> jinja2.Template:
    import jinja2  # With the first page: a server is ready sooner without.

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates") / "live"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html")


async def _qr(request: web.Request, public_url: str) -> web.Response:
    """Draw ``{"url": …}`` as an SVG QR code. The link comes in the body: a token in it is for no log."""
    try:
        body = json.loads(await request.text())
        url = body["url"]
    except (ValueError, KeyError, TypeError):
        return _error(400, "invalid", "The body must be {url}.")
    if (
        not isinstance(url, str)
        or len(url) > _MAX_LINK_LENGTH
        or not url.startswith(f"{public_url.rstrip('/')}/")
    ):
        return _error(400, "invalid", "The link must stand on this server's own address.")
    if not qr_code.reachable_by_phone(url):
        return _error(409, "unreachable", "No phone can reach this address.")
    return web.Response(
        body=qr_code.svg(url), content_type="image/svg+xml", headers={"Cache-Control": "no-store"}
    )


def _error(status: int, error: str, message: str) -> web.Response:
    return web.json_response({"error": error, "message": message, "details": {}}, status=status)
