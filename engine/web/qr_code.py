"""QR codes of links, and whether a phone can reach them."""

from __future__ import annotations

import io
import ipaddress
from urllib.parse import urlsplit

__all__ = ["reachable_by_phone", "svg"]


def reachable_by_phone(url: str) -> bool:
    """Whether another device can reach an http URL: not ``localhost``, a loopback or an unspecified address."""
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
    """Draw a link as a standalone SVG, dark on white, with the quiet zone that scanners need."""
    import segno  # Takes a tenth of a second; a start seldom draws a code.

    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, dark="#1d2a2c", light="#ffffff", xmldecl=False, svgclass=None
    )
    return picture.getvalue()
