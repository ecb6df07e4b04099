"""The site's public address, and absolute URLs below it for mails, feeds and posts."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

import idna

__all__ = ["DEFAULT_URL", "Links", "ascii_address"]

DEFAULT_URL = "http://127.0.0.1:8000"
"""The public address of a data folder that was never served."""


def ascii_address(address: str) -> str:
    """The address with its domain as mail servers know it: A-labels (RFC 5890) for other scripts.

    Raises:
        ValueError: there can be no such domain.
    """
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"


class Links:
    """Makes URLs below the public address, which may have a path of its own (``https://x.example/breathe/``)."""

    def __init__(self, public_url: str) -> None:
        self.root = _ascii(public_url).rstrip("/") + "/"

    @property
    def base_path(self) -> str:
        """``/``, or the sub-path with both slashes."""
        return urlsplit(self.root).path

    @property
    def host(self) -> str:
        """The host name, for message ids."""
        return urlsplit(self.root).hostname or "localhost"

    def absolute(self, path: str) -> str:
        """The absolute URL of a path below the root, such as ``sessions/x/``."""
        return self.root + path.lstrip("/")


def _ascii(address: str) -> str:
    """A URL in ASCII (RFC 3986): its host in IDNA, its path percent-encoded."""
    if address.isascii():
        return address
    parts = urlsplit(address)
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        # No host name that DNS could resolve; ``halcytone doctor`` reports it.
        return address
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, host + port, quote(parts.path, safe="/%"), "", ""))
