"""The wire protocol of each server: its handshake, how a room is joined, and how a message is sent to it.

The load generator does not parse messages: every payload has ``MARK`` once, followed by the sender's clock, so that one
``bytes.count`` finds all deliveries in a buffer, whatever the server wraps around them.
"""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

__all__ = ["CLOCK_DIGITS", "DIALECTS", "MARK", "Dialect", "Phase", "payload", "text_frame", "upgrade"]

MARK = b"`"
CLOCK_DIGITS = 16

Phase = tuple[bytes, bytes]
"""Bytes to send, and bytes that must have come before the next phase."""


def payload(size: int, clock_ns: int) -> bytes:
    """`size` bytes of text: the mark, the sender's clock in digits, and filling."""
    head = MARK + str(clock_ns).zfill(CLOCK_DIGITS).encode()
    filling = b" Breathe in slowly, and out again." * (size // 34 + 1)
    return head + filling[: size - len(head)]


def _frame(opcode: int, body: bytes) -> bytes:
    # With a mask of zeros the sender need not compute anything; the server applies it all the same.
    size = len(body)
    if size < 126:
        return struct.pack("!BB4x", 0x80 | opcode, 0x80 | size) + body
    return struct.pack("!BBH4x", 0x80 | opcode, 0x80 | 126, size) + body


def text_frame(body: bytes) -> bytes:
    """A masked text frame, as clients send it."""
    return _frame(1, body)


def upgrade(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The request that turns a connection into a WebSocket, without compression."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: aGFsY3l0b25lIGJlbmNoIQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


_UPGRADED = b"\r\n\r\n"


@dataclass(frozen=True)
class Dialect:
    """One server's protocol. `join(room)` are the phases after which a socket is a member; `say` frames a message."""

    join: Callable[[str], list[Phase]]
    say: Callable[[str, bytes], bytes]


def _plain_join(room: str) -> list[Phase]:
    return [(upgrade(f"/?{urlencode({'room': room})}"), _UPGRADED)]


def _socketio_join(room: str) -> list[Phase]:
    return [
        (upgrade("/socket.io/?EIO=4&transport=websocket"), b"0{"),
        (text_frame(b"40"), b"40{"),
        (text_frame(b"42" + json.dumps(["join", room]).encode()), b'"joined"'),
    ]


def _socketio_say(room: str, body: bytes) -> bytes:
    return text_frame(b'42["say","' + body + b'"]')


def _nats_join(room: str) -> list[Phase]:
    connect = b'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1}\r\n'
    return [
        (upgrade("/"), b"INFO "),
        (_frame(2, connect + f"SUB {room} 1\r\nPING\r\n".encode()), b"PONG"),
    ]


def _nats_say(room: str, body: bytes) -> bytes:
    return _frame(2, f"PUB {room} {len(body)}\r\n".encode() + body + b"\r\n")


def _plain_say(room: str, body: bytes) -> bytes:
    return text_frame(body)


def _announce(room: str, body: bytes) -> bytes:
    return text_frame(b'{"type":"announce","data":{"title":"Bench","message":"' + body + b'"}}')


PLAIN = Dialect(_plain_join, _plain_say)

DIALECTS: Mapping[str, Dialect] = {
    "plain": PLAIN,
    "socketio": Dialect(_socketio_join, _socketio_say),
    "nats": Dialect(_nats_join, _nats_say),
    # Its joins differ by role and carry tokens: bench/halcytone.py makes them.
    "halcytone": Dialect(_plain_join, _announce),
}
