"""A WebSocket byte by byte, as no library would send it."""

from __future__ import annotations

import asyncio
import struct

from tests.realtime.studio import KEY, Studio

_MASK = bytes(4)
"""A mask of zeros leaves the payload as it is."""


def frame(first: int, payload: bytes = b"") -> bytes:
    """A client's frame: `first` has the flags and the opcode."""
    return bytes((first, 0x80 | len(payload))) + _MASK + payload


class Raw:
    """A live socket byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, studio: Studio, path: str, early: bytes = b"", /, **changes: str | None) -> Raw:
        """A connection on which a handshake was sent; ``changes`` replace its lines, None leaves one out."""
        lines = {
            "version": "Sec-WebSocket-Version: 13",
            "key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "upgrade": "Upgrade: websocket",
            "connection": "Connection: Upgrade",
            "host": "Host: x",
            "credential": f"X-API-Key: {KEY}" if "/events" in path else None,
            **changes,
        }
        http = lines.pop("http", "HTTP/1.1")
        head = "\r\n".join((f"GET {path} {http}", *(line for line in lines.values() if line)))
        reader, writer = await asyncio.open_connection("127.0.0.1", studio.port)
        writer.write(head.encode() + b"\r\n\r\n" + early)
        return cls(reader, writer)

    @classmethod
    async def join(cls, studio: Studio, client_id: str, early: bytes = b"", query: str = "") -> Raw:
        """Ask to be let in, with frames that do not wait for the answer."""
        path = f"/ws/live-updates?session_id=s&client_id={client_id}{query}"
        raw = await cls.open(studio, path, early)
        await raw.head()
        return raw

    @classmethod
    async def platform(cls, studio: Studio) -> Raw:
        """Ask for the socket of events."""
        raw = await cls.open(studio, "/ws/session/s/events")
        await raw.head()
        return raw

    async def head(self) -> bytes:
        """The head of the answer to the handshake."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def message(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(5):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            return first & 0x0F, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """Read on to the close frame."""
        while True:
            opcode, payload = await self.message()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big")
