"""Encode RFC 6455 frames of a server.

They are unmasked and carry nothing of the receiver, so one encoded frame serves a whole room.
"""

from __future__ import annotations

import struct

__all__ = ["close_frame", "ping_frame", "pong_frame", "text_frame"]

_FIN_TEXT = 0x81
_FIN_CLOSE = 0x88
_FIN_PING = 0x89
_FIN_PONG = 0x8A


def text_frame(payload: bytes) -> bytes:
    """A final text frame (RFC 6455 §5.2) around UTF-8 ``payload``."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN_TEXT, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _FIN_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FIN_TEXT, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame (RFC 6455 §5.5.1); the reason is cut to the 123 bytes that fit."""
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return bytes((_FIN_CLOSE, 2 + len(text))) + struct.pack("!H", code) + text


def ping_frame() -> bytes:
    """A ping frame without payload (RFC 6455 §5.5.2)."""
    return bytes((_FIN_PING, 0))


def pong_frame(payload: bytes) -> bytes:
    """The pong frame for a ping (RFC 6455 §5.5.3), whose ``payload`` has 125 bytes at most."""
    return bytes((_FIN_PONG, len(payload))) + payload
