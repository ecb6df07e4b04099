"""Addresses that a phone in the local network can reach, and their QR codes for a terminal."""

from __future__ import annotations

import socket

from engine.web.qr_code import reachable_by_phone

__all__ = ["lan_address", "qr_lines"]


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


def qr_lines(url: str) -> str:
    """A URL as a QR code of block characters.

    Raises:
        ValueError: another device cannot reach it.
    """
    if not reachable_by_phone(url):
        raise ValueError(f"{url} is this machine's own address; no other device can open it")
    import io

    import segno

    drawing = io.StringIO()
    segno.make_qr(url, error="m").terminal(out=drawing, compact=True, border=2)
    return drawing.getvalue()
