"""Where the frames of a live socket come in: handed over at once, without waking a task for each.

aiohttp parses the frames; its own way of reading them resumes a task through half a dozen coroutines for each, which
takes longer than a heartbeat's whole way through its session. Until ``hand_over`` messages wait as they do there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import WSMessage, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketReader, WebSocketWriter

__all__ = ["NO_CODE", "Inlet", "LiveResponse"]

NO_CODE = 1005
"""The code of a close frame that carries none (RFC 6455 §7.1.5)."""
_WAITING_BYTES = 64 * 1024


class Inlet(WebSocketDataQueue):
    """The queue behind aiohttp's frame reader, until somebody takes the messages as they come."""

    __slots__ = ("_ended", "_gone", "_lost", "_take", "_waiting", "closed")

    def __init__(self, request: web.BaseRequest) -> None:
        super().__init__(request.protocol, _WAITING_BYTES, loop=asyncio.get_running_loop())
        self._waiting = 0
        self._take: Callable[[WSMessage], None] | None = None
        self._ended: asyncio.Future[int | None] | None = None
        self._lost = False
        self.closed = False
        """A close frame was read."""
        self._gone: asyncio.Future[None] | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """A message came."""
        if self._take is None:
            self._waiting += 1
            super().feed_data(data, size)
        elif data.type is WSMsgType.CLOSE:
            self._end(data.data or NO_CODE)
        else:
            self._take(data)

    async def read(self) -> Any:
        """The oldest message that waits."""
        message = await super().read()
        self._waiting -= 1
        self.closed = self.closed or message.type is WSMsgType.CLOSE
        return message

    def feed_eof(self) -> None:
        """The connection is gone."""
        super().feed_eof()
        self._lost = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._end(None)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """What came cannot be read, or could not be taken."""
        super().set_exception(exc, *cause)
        if self._ended is not None and not self._ended.done():
            self._take = _drop
            self._ended.set_exception(exc)

    async def hand_over(self, take: Callable[[WSMessage], None]) -> int | None:
        """Let ``take`` have every message from now on, those that wait first.

        Returns the code with which the peer closed, None when the connection broke.

        Raises:
            aiohttp.WebSocketError: the peer does not speak the protocol.
        """
        self._ended = asyncio.get_running_loop().create_future()
        while self._waiting:
            message = await self.read()
            if message.type is WSMsgType.CLOSE:
                return int(message.data or NO_CODE)
            take(message)
        error = self.exception()
        if error is not None:
            raise error
        if self.is_eof():
            return None
        self._take = take
        return await self._ended

    async def gone(self) -> None:
        """Return once the connection is."""
        if not self._lost:
            self._gone = asyncio.get_running_loop().create_future()
            await self._gone

    def _end(self, code: int | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._take = _drop
            self._ended.set_result(code)


def _drop(message: WSMessage) -> None:
    """Nobody listens any more."""


class LiveResponse(web.WebSocketResponse):
    """The handshake of a live socket, whose messages come through ``inlet``."""

    inlet: Inlet

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        # As the original does, with another queue: neither compression nor aiohttp's heartbeat is used here.
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = self.inlet = Inlet(request)
        self._parser = WebSocketReader(self.inlet, self._max_msg_size, compress=False, decode_text=True)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)
