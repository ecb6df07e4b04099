"""Frames of a WebSocket on their way in: what RFC 6455 forbids ends the connection.

``read`` takes them from a queue, and ``deliver_to`` hands each to a callback. aiohttp (3.14) takes some of what RFC 6455 forbids. Added here, each ending the connection with 1002:

- frames of a client that are not masked (§5.1);
- a payload length in more bytes than it needs, or with its highest bit set (§5.2);
- a new text or binary message before the one in fragments is finished, where its first fragment was empty (§5.4);
- close codes that never stand in a frame: 1006, and those above 4999 (§7.4).

``engine.realtime.handshake`` adds what it does not look at before the upgrade. aiohttp itself checks reserved bits and opcodes,
fragmented control frames and those above 125 bytes, continuations of nothing, UTF-8, and other close codes.

Why by callback: aiohttp's own ``receive()`` resumes a task through half a dozen coroutines for every message. That takes longer
than a heartbeat's whole way through its session, and a live server reads thousands of messages a second.

This is the only module that uses aiohttp's private WebSocket reader (what ``engine.api.http.connection`` needs of its request
handler stands there). It relies on:

- ``aiohttp._websocket.reader.WebSocketDataQueue``, which aiohttp's parser feeds through ``feed_data(message, size)``,
  ``feed_eof()`` and ``set_exception(exc)``, and which ``read()``, ``exception()`` and ``is_eof()`` are read from;
- ``aiohttp._websocket.reader.WebSocketReader``, that parser, whose ``feed_data(data)`` the connection calls with what came,
  and the queue with ``b""``, and which returns whether the connection is to end;
- ``WebSocketResponse._post_start(request, protocol, writer)``, which ``prepare`` calls to make that queue and the
  parser, and the attributes that it sets: ``_ws_protocol``, ``_writer``, ``_reader``, ``_parser``.

If a release of aiohttp changes one of these, both sockets read nothing, or fail in ``prepare``. So aiohttp is pinned to
one minor version, and ``tests/realtime/test_aiohttp_contract.py`` holds this list against the version installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import EofStream, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.http import WebSocketWriter

__all__ = ["NO_CODE", "FrameReader", "FrameResponse"]

NO_CODE = 1005
"""The code of a close frame that carries none (RFC 6455 §7.1.5)."""
_LAST_CODE = 4999
_QUEUED_BYTES = 64 * 1024
"""Above twice this many bytes in the queue, aiohttp stops reading from the connection."""


_parse = WebSocketReader.feed_data


class StrictParser(WebSocketReader):
    """aiohttp's frame parser behind a look at each frame's header.

    Nearly all that comes is one whole, masked, unfragmented frame below 64 KiB: ``feed_data`` knows it by its size.
    """

    __slots__ = ("_between", "_failed", "_fragmented", "_head", "_left", "_queue")

    def __init__(self, queue: WebSocketDataQueue, max_msg_size: int) -> None:
        super().__init__(queue, max_msg_size, compress=False, decode_text=True)
        self._queue = queue
        self._head = b""
        """The beginning of a header whose end has not come yet."""
        self._left = 0
        """Bytes of the frame under way, its mask included, that have not come yet."""
        self._fragmented = False
        self._between = True
        """No frame, header or fragmented message is under way, and nothing was wrong."""
        self._failed = False

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        """Take what came from the network. Returns whether the connection is to end, and nothing left over."""
        size = len(data)
        if self._between and size > 5 and data[0] > 0x7F:
            second = data[1]
            if 0x7F < second < 0xFE and size == second - 0x7A:
                return _parse(self, data)
            if second == 0xFE and size > 133 and size == (data[2] << 8 | data[3]) + 8:
                return _parse(self, data)
        return self._feed_parts(bytes(data))

    def _feed_parts(self, data: bytes) -> tuple[bool, bytes]:
        if self._failed:
            return (True, b"") if data else _parse(self, b"")
        before = len(self._head)
        data = self._head + data
        try:
            self._look(data)
        except _Forbidden as forbidden:
            self._failed, self._between = True, False
            # What came before it is as good as if it had come alone.
            ended = _parse(self, data[before : max(before, forbidden.at)])
            if not ended[0]:
                self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, forbidden.reason))
            return True, b""
        self._between = not (self._left or self._head or self._fragmented)
        return _parse(self, data[before:] if before else data)

    def _look(self, data: bytes) -> None:
        """Look at every header in ``data``, which begins with ``_head``.

        Raises:
            _Forbidden: a header breaks the protocol.
        """
        at, end = self._left, len(data)
        self._head = b""
        while at < end:
            if end - at < 2:
                self._head = data[at:]
                at = end
                break
            first, second = data[at], data[at + 1]
            if not second & 0x80:
                raise _Forbidden(at, "a client's frame is not masked")
            length, width = second & 0x7F, 0
            if length > 125 and not first & 0x08:
                width = 2 if length == 126 else 8
                if end - at < 2 + width:
                    self._head = data[at:]
                    at = end
                    break
                length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
                if length < (126 if width == 2 else 0x10000) or length >= 1 << 63:
                    raise _Forbidden(at, "a length in more bytes than it needs, or with its highest bit set")
            opcode = first & 0x0F
            if opcode < 8:
                if opcode and self._fragmented:
                    raise _Forbidden(at, "a new message inside another's fragments")
                self._fragmented = first < 0x80
            at += 6 + width + length
        self._left = at - end


class _Forbidden(Exception):
    """A frame that begins ``at`` a position in what was read is not allowed."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at, self.reason = at, reason


def _check_close_code(code: int) -> None:
    if code == WSCloseCode.ABNORMAL_CLOSURE or code > _LAST_CODE:
        raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, f"the close code {code} never stands in a frame")


class FrameReader(WebSocketDataQueue):
    """The queue that aiohttp's frame parser feeds.

    Messages queue up and are fetched with ``read`` until ``deliver_to`` is called; from then on each one goes to its
    callback, in the call in which the parser completes it.
    """

    __slots__ = ("_callback", "_close_received", "_disconnect", "_disconnected", "_end", "_queued")

    def __init__(self, request: web.BaseRequest) -> None:
        super().__init__(request.protocol, _QUEUED_BYTES, loop=asyncio.get_running_loop())
        self._queued = 0
        self._callback: Callable[[WSMessage], None] | None = None
        self._end: asyncio.Future[int | None] | None = None
        """Resolves to what ``deliver_to`` returns."""
        self._disconnected = False
        self._close_received = False
        self._disconnect: asyncio.Future[None] | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """Called by the parser for each complete message.

        Raises:
            WebSocketError: it is a close frame with a code that never stands in one.
        """
        if data.type is WSMsgType.CLOSE:
            _check_close_code(data.data)
        if self._callback is None:
            self._queued += 1
            super().feed_data(data, size)
        elif data.type is WSMsgType.CLOSE:
            self._close_received = True
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
        self._close_received = self._close_received or message.type is WSMsgType.CLOSE
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
        # Not before: reading on while the queue empties may end the socket, which is raised above.
        self._end = asyncio.get_running_loop().create_future()
        return await self._end

    async def ended(self) -> None:
        """Read on until the peer has closed or the connection is lost; what comes before that is discarded.

        To be awaited between our close frame and the transport's end: where a peer is sending while its connection is
        closed, TCP resets the connection, and the peer may never read why. Whoever calls bounds the time.
        """
        try:
            while not self._close_received and not self._disconnected:
                await self.read()
        except EofStream:
            pass
        except WebSocketError:
            # What follows is not parsed any more.
            if not self._disconnected:
                self._disconnect = asyncio.get_running_loop().create_future()
                await self._disconnect

    def _finish(self, code: int | None) -> None:
        if self._end is not None and not self._end.done():
            self._callback = _discard
            self._end.set_result(code)


def _discard(message: WSMessage) -> None:
    """Take the place of the callback once the socket has ended."""


class FrameResponse(web.WebSocketResponse):
    """aiohttp's WebSocket response, ended by what RFC 6455 forbids, with ``frames`` in the place of its queue.

    Use ``frames``, not ``receive()``. Without compression and heartbeat.
    """

    frames: FrameReader

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        # As aiohttp's own, but for queue and parser, and without compression and its heartbeat, which are not used here.
        self._ws_protocol = protocol
        self._writer = writer
        self.frames = self._reader = FrameReader(request)
        self._parser = StrictParser(self.frames, self._max_msg_size)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)
