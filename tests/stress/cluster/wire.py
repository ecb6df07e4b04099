"""A TCP proxy as a wire that can be led elsewhere, cut, or lose what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Wire"]

_BLOCK = 65536


class Wire:
    """Passes connections on to an address that is asked for at each of them."""

    def __init__(self, to: Callable[[], tuple[str, int]], host: str = "127.0.0.1") -> None:
        self._to = to
        self._host = host
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loses_answers = False
        self.port = 0

    async def plug_in(self) -> None:
        """Let connections through, on the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every connection, and take no new one."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def lose_answers(self, seconds: float) -> None:
        """Carry on what is asked, and nothing of what is answered; then break."""
        self._loses_answers = True
        await asyncio.sleep(seconds)
        await self.cut()
        self._loses_answers = False
        await self.plug_in()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            host, port = self._to()
            up_reader, up_writer = await asyncio.open_connection(host, port)
            self._writers |= {writer, up_writer}
            if self._server is None:
                writer.transport.abort()
            try:
                await asyncio.gather(
                    self._pump(reader, up_writer, False), self._pump(up_reader, writer, True)
                )
            finally:
                self._writers -= {writer, up_writer}
                up_writer.transport.abort()
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(_BLOCK):
                if back and self._loses_answers:
                    continue
                writer.write(data)
                await writer.drain()
        # What came before an end still arrives.
        writer.close()
