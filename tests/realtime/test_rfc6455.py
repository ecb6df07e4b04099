"""RFC 6455 as it is written, on both sockets: what aiohttp would let pass as well."""

from __future__ import annotations

import asyncio
import json
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from engine.realtime.frame_reader import FrameReader, StrictParser
from tests.realtime.raw import Raw, frame
from tests.realtime.studio import Studio

HEARTBEAT = b'{"type":"heartbeat"}'
LONG = HEARTBEAT.ljust(200)


def unmasked(payload: bytes) -> bytes:
    return bytes((0x81, len(payload))) + payload


def wide(flag: int, length: int, payload: bytes) -> bytes:
    """A masked text whose length stands in 16 or 64 bits."""
    packed = struct.pack("!H" if flag == 126 else "!Q", length)
    return bytes((0x81, 0x80 | flag)) + packed + bytes(4) + payload


FORBIDDEN = {
    "unmasked": unmasked(HEARTBEAT),
    "unmasked ping": bytes((0x89, 0)),
    "unmasked close": bytes((0x88, 0)),
    "unmasked after a good one": frame(0x81, HEARTBEAT) + unmasked(HEARTBEAT),
    "16 bits for 20": wide(126, 20, HEARTBEAT),
    "64 bits for 20": wide(127, 20, HEARTBEAT),
    "64 bits for 200": wide(127, 200, LONG),
    "64 bits for 65535": wide(127, 65535, b""),
    "highest bit": wide(127, 1 << 63, b""),
    "all bits": wide(127, (1 << 64) - 1, b""),
    "reserved 1": frame(0xC1, b"{}"),
    "reserved 2": frame(0xA1, b"{}"),
    "reserved 3": frame(0x91, b"{}"),
    "opcode 3": frame(0x83),
    "opcode 7": frame(0x87),
    "opcode 11": frame(0x8B),
    "opcode 15": frame(0x8F),
    "ping in fragments": frame(0x09),
    "pong in fragments": frame(0x0A),
    "close in fragments": frame(0x08),
    "ping of 126 bytes": bytes((0x89, 0xFE, 0, 126)) + bytes(4 + 126),
    "ping of 64 bits": bytes((0x89, 0xFF)) + struct.pack("!Q", 5) + bytes(9),
    "continuation of nothing": frame(0x80, b"{}"),
    "text in a text": frame(0x01, b"{") + frame(0x81, HEARTBEAT),
    "text in an empty text": frame(0x01) + frame(0x81, HEARTBEAT),
    "binary in an empty text": frame(0x01) + frame(0x02, b"x"),
    "close of one byte": frame(0x88, b"x"),
    **{f"close {code}": frame(0x88, struct.pack("!H", code)) for code in (0, 999, 1005, 1006, 1015, 5000)},
}


async def opened(studio: Studio, socket: str) -> Raw:
    if socket == "events":
        return await Raw.platform(studio)
    raw = await Raw.join(studio, "")
    await raw.message()
    return raw


@pytest.mark.parametrize("socket", ["live", "events"])
async def test_what_the_rfc_forbids_ends_with_1002(studio: Studio, socket: str) -> None:
    """The close frame says so, and the connection ends."""
    for name, wrong in FORBIDDEN.items():
        raw = await opened(studio, socket)
        raw.writer.write(wrong)
        assert (name, await raw.close_code()) == (name, 1002)
        assert (name, await asyncio.wait_for(raw.reader.read(), 5)) == (name, b"")
        raw.writer.close()


@pytest.mark.parametrize("socket", ["live", "events"])
async def test_a_message_far_too_long_is_answered_after_its_end(studio: Studio, socket: str) -> None:
    """Whoever reads nothing until all is sent learns why as well: closed before, the connection would be reset."""
    raw = await opened(studio, socket)
    raw.writer.write(b"\x81\xff" + struct.pack("!Q", 8_000_000) + bytes(4))
    for _ in range(8):
        raw.writer.write(b"x" * 1_000_000)
        await asyncio.wait_for(raw.writer.drain(), 5)
    opcode, error = await raw.message()
    assert (opcode, json.loads(error)["code"]) == (1, "too_large")
    assert await raw.close_code() == 4504
    raw.writer.write_eof()
    assert await asyncio.wait_for(raw.reader.read(), 5) == b""
    raw.writer.close()


@pytest.mark.parametrize("socket", ["live", "events"])
async def test_what_the_rfc_allows_is_answered(studio: Studio, socket: str) -> None:
    """Lengths of every width, fragments with an empty first, pings among them: each message is taken as one."""
    raw = await opened(studio, socket)
    for right in (
        frame(0x81, HEARTBEAT),
        wide(126, 126, HEARTBEAT.ljust(126)),
        wide(126, 65535, HEARTBEAT.ljust(65535)),
        wide(127, 65536, HEARTBEAT.ljust(65536)),
        frame(0x01) + frame(0x80, HEARTBEAT),
        frame(0x01, HEARTBEAT[:5]) + frame(0x00) + frame(0x8A) + frame(0x80, HEARTBEAT[5:]),
    ):
        raw.writer.write(right)
        assert b"heartbeat_ack" in (await raw.message())[1]
    raw.writer.close()


async def test_a_hello_that_is_not_masked_ends_with_1002(studio: Studio) -> None:
    """Before the welcome as after it; text that is none is 1007."""
    for wrong, code in ((unmasked(b'{"type":"hello"}'), 1002), (frame(0x81, b"\xff"), 1007)):
        for early in (wrong, b""):
            raw = await Raw.join(studio, "", early, query="&hello=1")
            if not early:
                raw.writer.write(wrong)
            assert await raw.close_code() == code
            assert await asyncio.wait_for(raw.reader.read(), 5) == b""
            raw.writer.close()


async def parsed(pieces: list[bytes]) -> tuple[list[Any], bool]:
    """What a parser makes of bytes in these pieces: the messages, and whether it was ended."""
    request: Any = SimpleNamespace(protocol=SimpleNamespace(_reading_paused=False))
    queue = FrameReader(request)
    parser = StrictParser(queue, 2**18)
    ended = False
    for piece in pieces:
        ended = parser.feed_data(piece)[0] or ended
    return [message for message, _ in queue._buffer], ended


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_it_does_not_matter_how_bytes_are_cut(size: int) -> None:
    """A forbidden frame is found across any cut, and everything before it is delivered; nothing after."""
    good = frame(0x81, HEARTBEAT) + wide(126, 200, LONG) + frame(0x01, b"a") + frame(0x89) + frame(0x80, b"b")
    for name, wrong in FORBIDDEN.items():
        stream = good + wrong + frame(0x81, b"never")
        messages, ended = await parsed([stream[at : at + size] for at in range(0, len(stream), size)])
        texts = [message.data for message in messages if message.type == 1]
        expected = [HEARTBEAT.decode(), LONG.decode(), "ab"]
        if name == "unmasked after a good one":
            expected.append(HEARTBEAT.decode())
        assert (name, texts, ended) == (name, expected, True)


LIVE, EVENTS = "/ws/live-updates?session_id=s", "/ws/session/s/events"


async def refusal(studio: Studio, path: str, **changes: str | None) -> bytes:
    raw = await Raw.open(studio, path, **changes)
    try:
        return await raw.head()
    finally:
        raw.writer.close()


@pytest.mark.parametrize("path", [LIVE, EVENTS])
async def test_another_version_is_told_which_is_spoken(studio: Studio, path: str) -> None:
    """426 with the version, and no upgrade."""
    for version in ("8", "7", "0", "14", "13, 8", "013", "", None):
        line = None if version is None else f"Sec-WebSocket-Version: {version}"
        head = await refusal(studio, path, version=line)
        assert head.startswith(b"HTTP/1.1 426 "), version
        assert b"\r\nSec-WebSocket-Version: 13\r\n" in head
        assert b"\r\nUpgrade: websocket\r\n" in head


KEY_LINE = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
NO_HANDSHAKES: tuple[dict[str, str | None], ...] = (
    {"http": "HTTP/1.0"},
    {"key": None},
    {"key": "Sec-WebSocket-Key: c2hvcnQ="},
    {"key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSB!ub25jZQ=="},
    {"key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="},
    {"key": f"{KEY_LINE}\r\n{KEY_LINE}"},
    {"upgrade": "Upgrade: h2c"},
    {"connection": "Connection: keep-alive"},
)


@pytest.mark.parametrize("path", [LIVE, EVENTS])
async def test_what_is_no_handshake_is_not_upgraded(studio: Studio, path: str) -> None:
    """An upgrade of HTTP/1.0, a key that is none, or another protocol: 400."""
    for changes in NO_HANDSHAKES:
        head = await refusal(studio, path, **changes)
        assert head.split()[1] == b"400", changes
