"""Addresses that a phone in the same network can reach, and their QR codes."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

__all__ = ["lan_address", "qr_lines", "reachable_by_phone"]


def lan_address() -> str | None:
    """This machine's address in its local network, or None without one. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket only asks the routing table which address would be used.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address if reachable_by_phone(f"http://{address}") else None


def reachable_by_phone(url: str) -> bool:
    """False for an address that means the machine itself: a phone would look at the phone."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost") or not host:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def qr_lines(url: str) -> str:
    """The address as a QR code of block characters, for a terminal.

    Raises:
        ValueError: a phone could not reach that address.
    """
    if not reachable_by_phone(url):
        raise ValueError(f"{url} is this machine's own address; no other device can open it")
    import io

    import segno

    drawing = io.StringIO()
    segno.make_qr(url, error="m").terminal(out=drawing, compact=True, border=2)
    return drawing.getvalue()
