"""A join link as a QR code, for addresses that a phone can reach and for no other."""

from __future__ import annotations

import io
import ipaddress
from urllib.parse import urlsplit

__all__ = ["can_be_reached_by_a_phone", "svg"]


def can_be_reached_by_a_phone(url: str) -> bool:
    """Whether the host of an http address means the same machine on another device.

    ``localhost``, loopback and unspecified addresses do not.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def svg(url: str) -> bytes:
    """The code as a standalone SVG of dark modules on white, with the quiet zone that scanners need."""
    import segno  # A tenth of a second of a start that seldom draws a code.

    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, dark="#1d2a2c", light="#ffffff", xmldecl=False, svgclass=None
    )
    return picture.getvalue()
