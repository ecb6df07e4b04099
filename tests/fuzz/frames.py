"""Bytes of a WebSocket client, right and wrong: handshakes, frames, fragments; seeded."""

from __future__ import annotations

import os
import struct
from base64 import b64encode
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from tests.fuzz.messages import text

__all__ = ["Stream", "any_frame", "fragments", "frame", "handshake", "mutated_handshake"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(slots=True)
class Stream:
    """Bytes to send. ``whole``: the next byte after them would begin a frame, and a ping there is answered."""

    data: bytes
    whole: bool = True


def frame(
    rng: Random, payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """A frame as RFC 6455 has it, but for what the arguments say."""
    first, size, bit = 0x80 * fin | rsv << 4 | opcode, len(payload), 0x80 * masked
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + _masked(rng, payload) if masked else head + payload


def fragments(rng: Random, payload: bytes) -> bytes:
    """One text in pieces, also empty ones and between two bytes of a character, with control frames between them."""
    cuts = sorted(rng.randrange(len(payload) + 1) for _ in range(rng.randint(1, 6)))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    sent = b""
    for number, part in enumerate(parts):
        opcode, last = (CONTINUATION if number else TEXT), number == len(parts) - 1
        sent += frame(rng, part, opcode, fin=last)
        if not last and rng.random() < 0.3:
            sent += frame(rng, rng.randbytes(rng.choice([0, 5, 125])), rng.choice([PING, PONG]))
    return sent


def any_frame(rng: Random) -> Stream:
    """A frame in which anything may be wrong, its length included."""
    opcode = rng.randrange(16)
    size = rng.choice([0, 1, 2, 5, 124, 125, 126, 127, 300, 70_000])
    payload = _close_payload(rng) if opcode == CLOSE and rng.random() < 0.8 else rng.randbytes(size)
    kind = rng.random()
    if kind < 0.5:
        fin, rsv = rng.random() < 0.7, rng.choice([0, 0, 0, 1, 2, 4, 7])
        return Stream(frame(rng, payload, opcode, fin=fin, rsv=rsv, masked=rng.random() < 0.8))
    if kind < 0.8:
        # A length that is not the payload's, or stands in more bytes than it needs.
        length = rng.choice([0, 1, 125, 126, 65535, 65536, 1 << 31, 1 << 62, (1 << 64) - 1])
        wide = rng.choice([126, 127])
        packed = struct.pack("!H", length & 0xFFFF) if wide == 126 else struct.pack("!Q", length)
        return Stream(bytes((0x80 | opcode, 0x80 | wide)) + packed + _masked(rng, payload), whole=False)
    return Stream(rng.randbytes(rng.randint(1, 40)), whole=False)


def _close_payload(rng: Random) -> bytes:
    code = rng.choice([1000, 1001, 1005, 1006, 1011, 1015, 2999, 3000, 4000, 4999, 5000, 0, 65535])
    return struct.pack("!H", code) + rng.choice([b"", b"bye", b"\xff\xfe", b"r" * 123])


def _masked(rng: Random, payload: bytes) -> bytes:
    if rng.random() < 0.5:
        return bytes(4) + payload
    mask = rng.randbytes(4)
    size = len(payload)
    repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return mask + (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")


def handshake(path: str, query: dict[str, str], credential: str | None) -> bytes:
    """A right one."""
    return b"\r\n".join([*_lines(path, query, credential), b"", b""])


def mutated_handshake(rng: Random, path: str, query: dict[str, str], credential: str | None) -> Stream:
    """One in which lines are missing, doubled, changed or mixed up, perhaps with more bytes after it."""
    query = {
        name: value if rng.random() < 0.6 else text(rng)[:3000]
        for name, value in query.items()
        if rng.random() < 0.9
    }
    lines = _lines(path, query, credential)
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0 if at:
                del lines[at]
            case 1 if at:
                lines.append(lines[at])
            case 2:
                lines[at] = rng.randbytes(rng.randint(0, 60)).replace(b"\n", b" ")
            case 3:
                lines.append(b"X-" + b"a" * rng.choice([1, 9000]) + b": " + b"b" * rng.choice([1, 9000]))
            case 4:
                lines[at] = lines[at].replace(b"13", rng.choice([b"8", b"", b"999", b"13, 8"]))
                lines[at] = lines[at].replace(b"HTTP/1.1", rng.choice([b"HTTP/1.0", b"HTTP/2.0", b""]))
                lines[at] = lines[at].replace(b"GET", rng.choice([b"HEAD", b"POST", b"get", b"\x16\x03"]))
            case _:
                word = rng.choice(
                    [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Expect: 100-continue"]
                )
                lines.append(word)
    sent = b"\r\n".join([*lines, b"", b""])
    if rng.random() < 0.2:
        sent = sent[: rng.randrange(len(sent))]
    if rng.random() < 0.3:
        sent += any_frame(rng).data
    return Stream(sent, whole=False)


def _lines(path: str, query: dict[str, str], credential: str | None) -> list[bytes]:
    asked = "&".join(f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in query.items())
    lines = [
        f"GET {path}?{asked} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if credential is not None:
        lines.append(f"Authorization: Bearer {credential}")
    return [line.encode() for line in lines]
