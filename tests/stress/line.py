"""A WebSocket line of bytes: what a client sends is up to it, well formed or not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import Callable
from typing import cast
from urllib.parse import urlencode

__all__ = ["Line", "NotUpgraded", "frame"]

_CONTINUATION, _TEXT, _CLOSE, _PING, _PONG = 0, 1, 8, 9, 10
_SMALL_BUFFER = 4096


class NotUpgraded(Exception):
    """The server answered with something other than 101, or went away before."""


def frame(payload: bytes, opcode: int = _TEXT, *, fin: bool = True) -> bytes:
    """A client's frame. Its mask is zero, which is a mask like any other."""
    head = bytes((0x80 * fin | opcode,))
    size = len(payload)
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 1 << 16:
        head += bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


class Line(asyncio.Protocol):
    """One connection. ``on_text`` gets every message, ``on_end`` the close code (1006: without a goodbye)."""

    def __init__(self, on_text: Callable[[bytes], None], on_end: Callable[[int], None]) -> None:
        self._on_text = on_text
        self._on_end = on_end
        self._buffer = bytearray()
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._shaken = False
        self.ended = asyncio.Event()
        self.code = 1006

    @classmethod
    async def open(
        cls,
        port: int,
        query: dict[str, str],
        on_text: Callable[[bytes], None],
        on_end: Callable[[int], None],
        *,
        token: str | None = None,
        slow: bool = False,
        path: str = "/ws/live-updates",
    ) -> Line:
        """Connect and upgrade. ``slow`` asks the kernel for a small receive buffer.

        Raises:
            OSError: nobody listens.
            NotUpgraded: the server said no.
        """
        line = cls(on_text, on_end)
        end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            end.setblocking(False)
            if slow:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
        except BaseException:
            end.close()
            raise
        await asyncio.get_running_loop().create_connection(lambda: line, sock=end)
        line.write(_greeting(port, path, query, token))
        await line._upgraded
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As the loop calls it."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """As the loop calls it."""
        self._buffer += data
        if not self._shaken and not self._shake():
            return
        while (parsed := self._next()) is not None:
            opcode, payload = parsed
            if opcode == _TEXT:
                self._on_text(payload)
            elif opcode == _PING:
                self.write(frame(payload, _PONG))
            elif opcode == _CLOSE:
                self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                self.write(frame(payload[:2], _CLOSE))
                self.transport.close()
                return

    def connection_lost(self, error: Exception | None) -> None:
        """As the loop calls it."""
        if not self._upgraded.done():
            self._upgraded.set_exception(
                NotUpgraded(bytes(self._buffer[:80]).decode("latin-1") or "no answer")
            )
        self.ended.set()
        self._on_end(self.code)

    def write(self, data: bytes) -> None:
        """Send bytes as they are; nothing happens when the line is gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def drop(self) -> None:
        """Lose the network."""
        self.transport.abort()

    async def leave(self, within: float = 5.0) -> None:
        """Say goodbye, and wait for the end.

        Raises:
            TimeoutError: the server did not answer.
        """
        self.write(frame((1000).to_bytes(2, "big"), _CLOSE))
        async with asyncio.timeout(within):
            await self.ended.wait()

    def stall(self) -> None:
        """Stop reading."""
        with contextlib.suppress(RuntimeError):
            self.transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _shake(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
        del self._buffer[: end + 4]
        if b" 101 " not in status:
            if not self._upgraded.done():
                self._upgraded.set_exception(NotUpgraded(status.decode("latin-1")))
            self.transport.abort()
            return False
        self._shaken = True
        if not self._upgraded.done():
            self._upgraded.set_result(None)
        return True

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole frame; a server's are not masked and, here, never in pieces."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return opcode, payload


def _greeting(port: int, path: str, query: dict[str, str], token: str | None) -> bytes:
    lines = [
        f"GET {path}?{urlencode(query)} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()
