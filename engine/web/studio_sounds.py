"""A studio's own quiet sounds for the background of practice: the audio files in ``DIR/sounds``.

The folder is read with every page, so that a file that is put there is offered at once. What is not an audio file with a known
ending, hidden, or larger than 40 MB is not served. Files are answered with ranges, without which Safari plays nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from aiohttp import web

from engine.api.http.ranged_file import RangedFile

__all__ = ["PREFIX", "StudioSounds"]

PREFIX: Final = "/static/sounds"
LARGEST: Final = 40 * 1024 * 1024
"""In bytes: an hour of quiet sound; more would be a mistake on a phone's connection."""
_MOST: Final = 8
"""Files that are offered: each is a switch on a phone's screen."""
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".mp3": "audio/mpeg",
        ".m4a": "audio/mp4",
        ".ogg": "audio/ogg",
        ".opus": "audio/ogg",
        ".flac": "audio/flac",
        ".wav": "audio/wav",
    }
)


class StudioSounds:
    """The files of one folder, which need not exist; None has none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of the files that are served, in order; the first eight."""
        if self._folder is None:
            return []
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError:
            return []
        return [name for name in names if self._file(name) is not None][:_MOST]

    def as_attribute(self, base: str) -> str | None:
        """What a page is told: a JSON list of ``{name, address}``, or None where there is nothing.

        The name is the file's without its ending, with spaces for underscores. ``base`` is the path that the server is under.
        """
        files = [
            {"name": Path(name).stem.replace("_", " "), "address": f"{base}{PREFIX}/{quote(name)}"}
            for name in self.names()
        ]
        return json.dumps(files, ensure_ascii=False) if files else None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one file.

        Raises:
            HTTPNotFound: there is none of that name.
        """
        file = self._file(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound(text="There is no such file.")
        headers = {
            "Content-Type": _TYPES[file.suffix.lower()],
            "Cache-Control": "public, max-age=3600",
            "X-Content-Type-Options": "nosniff",
        }
        return RangedFile(file, headers=headers)

    def _file(self, name: str) -> Path | None:
        if self._folder is None or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
            return None
        file = self._folder / name
        if file.suffix.lower() not in _TYPES:
            return None
        try:
            return file if file.is_file() and 0 < file.stat().st_size <= LARGEST else None
        except OSError:
            return None
