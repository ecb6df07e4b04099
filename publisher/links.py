"""Addresses of the site: absolute for mails, feeds and posts; the path below which it is served."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["Links"]


class Links:
    """Built on the public address, whose own path (``https://x.example/breathe/``) stays in front."""

    def __init__(self, public_url: str) -> None:
        self.root = public_url.rstrip("/") + "/"

    @property
    def base_path(self) -> str:
        """``/``, or the sub-path with both slashes."""
        return urlsplit(self.root).path

    @property
    def host(self) -> str:
        """The host alone, for ids that must be the studio's own."""
        return urlsplit(self.root).hostname or "localhost"

    def absolute(self, path: str) -> str:
        """The whole address of a path below the root: ``sessions/x/``."""
        return self.root + path.lstrip("/")
