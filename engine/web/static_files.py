"""The static files of the live pages, read once: bytes, gzipped bytes, and URLs that change with the content.

``/static/live/<digest>/<path>`` never changes its bytes and may be cached for a year. ES modules import one another by
relative paths, so a page keeps one coherent set; after an upgrade the old digest is gone, and ``import-or-reload.js`` reloads.
``/static/live/<path>`` is for pages elsewhere that use the client module, and is revalidated by its ETag.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

__all__ = ["PREFIX", "StaticFile", "StaticFiles"]

PREFIX: Final = "/static/live"

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        # Types of the client, for programs that are compiled against it.
        ".ts": "text/plain; charset=utf-8",
        ".txt": "text/plain; charset=utf-8",
        ".woff2": "font/woff2",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".wav": "audio/wav",
    }
)
_COMPRESSED: Final = (".woff2", ".png", ".jpg")
_COMMENT: Final = re.compile(rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
"""A comment that has its lines for itself: a quarter of the modules, which no browser needs."""
_YEAR_S: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file; ``gzipped`` is None where compression gains nothing."""

    content_type: str
    body: bytes
    gzipped: bytes | None
    etag: str


@cache
def _files_below(folder: Path) -> Mapping[str, StaticFile]:
    """The files of a folder as they are served, by their paths below it; read once for all servers of this process."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
    return MappingProxyType({path.relative_to(folder).as_posix(): _read(path) for path in paths})


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    if path.suffix in (".js", ".css"):
        body = _COMMENT.sub(b"", body)
    return _file(path.suffix, body)


def _file(suffix: str, body: bytes) -> StaticFile:
    # Without a time in its header the gzipped form is the same on every machine.
    gzipped = None if suffix in _COMPRESSED else gzip.compress(body, mtime=0)
    return StaticFile(_TYPES[suffix], body, gzipped, hashlib.sha256(body).hexdigest()[:20])


class StaticFiles:
    """Serves the files below one folder whose type is known, and nothing else."""

    def __init__(self, folder: Path, own: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """``own`` are files of a studio, by name: beside those of the folder, or in the place of one."""
        studio = {name: _file(Path(name).suffix, body) for name, body in sorted(own.items())}
        self._files = {**_files_below(folder), **studio}
        whole = hashlib.sha256()
        for name, file in self._files.items():
            whole.update(f"{name}\0{file.etag}\n".encode())
        self.digest = whole.hexdigest()[:12]

    def address(self, name: str) -> str:
        """The versioned URL path of a file.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"{PREFIX}/{self.digest}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """Serve one file: gzipped where the browser accepts it, 304 when its ETag matches."""
        name = request.match_info["path"]
        immutable = name.startswith(f"{self.digest}/")
        file = self._files.get(name.removeprefix(f"{self.digest}/"))
        if file is None:
            raise web.HTTPNotFound(text="There is no such file.")
        gzipped = file.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", "")
        etag = f'"{file.etag}{"-gz" if gzipped else ""}"'
        headers = {
            "Cache-Control": f"public, max-age={_YEAR_S}, immutable" if immutable else "no-cache",
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = file.content_type
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.gzipped if gzipped else file.body, headers=headers)
