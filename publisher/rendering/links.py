"""Addresses of the site: absolute for mails, feeds and posts; the path below which it is served."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

__all__ = ["DEFAULT_URL", "Links"]

DEFAULT_URL = "http://127.0.0.1:8000"
"""Where a site is read whose data folder was never served."""


class Links:
    """Built on the public address, whose own path (``https://x.example/breathe/``) stays in front."""

    def __init__(self, public_url: str) -> None:
        self.root = _written(public_url).rstrip("/") + "/"

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


def _written(address: str) -> str:
    """An address as it travels (RFC 3986): hosts and paths beyond ASCII in their encoded form."""
    if address.isascii():
        return address
    parts = urlsplit(address)
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        # No name that could be looked up; the operator's check of the deployment tells it.
        return address
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, host + port, quote(parts.path, safe="/%"), "", ""))
