"""aiohttp's reader queue for a live socket, delivering each frame by callback instead of waking a task.

Why: aiohttp's own ``receive()`` resumes a task through half a dozen coroutines for every message. That takes longer
than a heartbeat's whole way through its session, and a live server reads thousands of messages a second.

This is the only module that uses aiohttp's private API. It relies on:

- ``aiohttp._websocket.reader.WebSocketDataQueue``, which aiohttp's parser feeds through ``feed_data(message, size)``,
  ``feed_eof()`` and ``set_exception(exc)``, and which ``read()``, ``exception()`` and ``is_eof()`` are read from;
- ``WebSocketResponse._post_start(request, protocol, writer)``, which ``prepare`` calls to make that queue and the
  parser, and the attributes that it sets: ``_ws_protocol``, ``_writer``, ``_reader``, ``_parser``.

If a release of aiohttp changes one of these, live sockets read nothing, or fail in ``prepare``. So aiohttp is pinned to
one minor version, and ``tests/realtime/test_aiohttp_contract.py`` holds this list against the version installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import WSMessage, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketReader, WebSocketWriter

__all__ = ["NO_CODE", "FrameReader", "LiveResponse"]

NO_CODE = 1005
"""The code of a close frame that carries none (RFC 6455 §7.1.5)."""
_QUEUED_BYTES = 64 * 1024
"""Above twice this many bytes in the queue, aiohttp stops reading from the connection."""


class FrameReader(WebSocketDataQueue):
    """The queue that aiohttp's frame parser feeds.

    Messages queue up and are fetched with ``read`` until ``deliver_to`` is called; from then on each one goes to its
    callback, in the call in which the parser completes it.
    """

    __slots__ = ("_callback", "_disconnect", "_disconnected", "_end", "_queued", "close_received")

    def __init__(self, request: web.BaseRequest) -> None:
        super().__init__(request.protocol, _QUEUED_BYTES, loop=asyncio.get_running_loop())
        self._queued = 0
        self._callback: Callable[[WSMessage], None] | None = None
        self._end: asyncio.Future[int | None] | None = None
        """Resolves to what ``deliver_to`` returns."""
        self._disconnected = False
        self.close_received = False
        """Whether ``read`` has returned a close frame."""
        self._disconnect: asyncio.Future[None] | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """Called by the parser for each complete message."""
        if self._callback is None:
            self._queued += 1
            super().feed_data(data, size)
        elif data.type is WSMsgType.CLOSE:
            self._finish(data.data or NO_CODE)
        else:
            self._callback(data)

    async def read(self) -> Any:
        """Return the oldest queued message, waiting for one if there is none.

        Raises:
            aiohttp.EofStream: the connection is lost.
            aiohttp.WebSocketError: the peer violated the protocol, or its message is over the size limit.
        """
        message = await super().read()
        self._queued -= 1
        self.close_received = self.close_received or message.type is WSMsgType.CLOSE
        return message

    def feed_eof(self) -> None:
        """Called when the connection is lost."""
        super().feed_eof()
        self._disconnected = True
        if self._disconnect is not None and not self._disconnect.done():
            self._disconnect.set_result(None)
        self._finish(None)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Called when the parser cannot go on, or the callback raised."""
        super().set_exception(exc, *cause)
        if self._end is not None and not self._end.done():
            self._callback = _discard
            self._end.set_exception(exc)

    async def deliver_to(self, callback: Callable[[WSMessage], None]) -> int | None:
        """Call ``callback`` with every message from now on, the queued ones first, until the socket ends.

        Returns the code with which the peer closed, or None when the connection was lost.

        Raises:
            aiohttp.WebSocketError: the peer violated the protocol, or its message is over the size limit.
        """
        self._end = asyncio.get_running_loop().create_future()
        while self._queued:
            message = await self.read()
            if message.type is WSMsgType.CLOSE:
                return int(message.data or NO_CODE)
            callback(message)
        error = self.exception()
        if error is not None:
            raise error
        if self.is_eof():
            return None
        self._callback = callback
        return await self._end

    async def disconnected(self) -> None:
        """Return once the connection is lost."""
        if not self._disconnected:
            self._disconnect = asyncio.get_running_loop().create_future()
            await self._disconnect

    def _finish(self, code: int | None) -> None:
        if self._end is not None and not self._end.done():
            self._callback = _discard
            self._end.set_result(code)


def _discard(message: WSMessage) -> None:
    """Take the place of the callback once the socket has ended."""


class LiveResponse(web.WebSocketResponse):
    """aiohttp's WebSocket response, with ``frames`` in the place of its own queue. Use ``frames``, not ``receive()``."""

    frames: FrameReader

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        # As aiohttp's own, but for the queue, and without compression and its heartbeat, which are not used here.
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = self.frames = FrameReader(request)
        self._parser = WebSocketReader(self.frames, self._max_msg_size, compress=False, decode_text=True)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)
