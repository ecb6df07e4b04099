"""The site's public address, and absolute URLs below it for mails, feeds and posts."""

from __future__ import annotations

import ipaddress
import re
from email.errors import MessageError
from email.headerregistry import Address
from urllib.parse import quote, urlsplit, urlunsplit

import idna

__all__ = ["DEFAULT_URL", "Links", "ascii_address", "is_writable"]

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


# Local parts that need quoting are refused: no mail address that people have looks like that.
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def is_writable(address: str) -> bool:
    """Whether a mail's header can hold an address: its local part is a dot-atom (RFC 5322 §3.2.3), no encoded word (RFC 2047)."""
    local = address.rpartition("@")[0]
    if not _DOT_ATOM.fullmatch(local) or "=?" in local:
        return False
    try:
        Address(addr_spec=ascii_address(address))
    except (ValueError, MessageError):
        return False
    return True


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

    @property
    def ehlo_name(self) -> str:
        """What the studio calls itself before a mail server: the host name, an IP address as a literal (RFC 5321 §4.1.3)."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host
        return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"

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
