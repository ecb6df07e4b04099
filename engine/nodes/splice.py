"""A WebSocket whose session another node owns: its handshake is replayed there, then bytes are pumped both ways.

The owner answers the handshake. Only where it upgrades the connection are the client's bytes passed on, unparsed; after a
refusal both connections end, since a further request on them would reach the owner past this node. From the upgrade on each
transport hands what it reads to the other: per read no line of Python runs. Each direction waits when the other side does
not take what came. Relies on aiohttp's ``RequestHandler.set_parser``, whose parser is fed with what the client sends before,
and is told of the connection's end.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import urlsplit

from aiohttp import web

__all__ = ["OwnerUnreachable", "Spliced", "splice"]

_CONNECT_WITHIN_S = 1.0
_UNSENT = 64 * 1024
"""Bytes of one side that may wait for the other until the upgrade."""
_LINGER_S = 2.0
"""How long a client has, after a refusal, to take it whole and end its connection."""
_LONGEST_HEAD = 16 * 1024
"""Bytes of the head of the owner's answer."""
_LEFT_OUT = frozenset({b"x-halcytone-hop", b"x-request-id"})


class OwnerUnreachable(Exception):
    """No connection to the owner could be made; nothing was sent to anybody."""


class Spliced(web.StreamResponse):
    """What the handler returns once the socket has ended: aiohttp has nothing to send any more."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing: the owner answered."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing."""


class _FromClient:
    """aiohttp's parser of the client's connection, up to the upgrade: passes every byte to the owner."""

    def __init__(self, owner: _FromOwner) -> None:
        self._owner = owner

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes of the client. Never the end, and nothing left over."""
        self._owner.from_client(data)
        return False, b""

    def feed_eof(self) -> None:
        """The client's connection ended."""
        self._owner.end()


class _Answer:
    """The owner's answer to the handshake as it comes: whether it upgrades, and where a refusal ends."""

    def __init__(self) -> None:
        self.upgraded = False
        self._head = bytearray()
        self._left: int | None = None
        """Bytes of a refusal's body that have not come; None before its head has."""

    def ends_with(self, data: bytes) -> bool:
        """Take bytes of the owner before the upgrade; True once they end a refusal, or are no answer."""
        if self._left is None:
            self._head += data
            head, ended, body = self._head.partition(b"\r\n\r\n")
            if not ended:
                return len(self._head) > _LONGEST_HEAD
            status, *lines = bytes(head).split(b"\r\n")
            self.upgraded = status.split(b" ")[1:2] == [b"101"]
            if self.upgraded:
                return False
            values = [line[15:].strip() for line in lines if line.lower().startswith(b"content-length:")]
            self._left = int(values[0]) if values and values[0].isdigit() else 0
            data = bytes(body)
        self._left -= len(data)
        return self._left <= 0


class _Side(asyncio.BaseProtocol):
    """One of two connected transports: the other writes what this one reads, and is not read while this one takes no more."""

    def __init__(self, before: asyncio.BaseProtocol, other: asyncio.Transport) -> None:
        """``before`` is the protocol that is told of the end."""
        self.data_received = other.write
        self._before = before
        self._other = other

    def pause_writing(self) -> None:
        """This side does not take what the other sends."""
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """This side goes on."""
        if not self._other.is_closing():
            self._other.resume_reading()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once."""
        self._before.connection_lost(exc)


class _FromOwner(asyncio.Protocol):
    """The connection to the owner: passes its answer to the client."""

    def __init__(self, client: asyncio.Transport, handler: Any) -> None:
        self._client = client
        self._handler = handler
        """aiohttp's ``RequestHandler`` of the client's connection."""
        self._transport: asyncio.Transport | None = None
        self._answer = _Answer()
        self._early = bytearray()
        """What the client sent before the owner upgraded."""
        self._lingering: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.set_write_buffer_limits(_UNSENT)

    def data_received(self, data: bytes) -> None:
        """Bytes of the owner, up to the upgrade."""
        if self._client.is_closing():
            return
        self._client.write(data)
        if self._answer.ends_with(data):
            self.end()
        elif self._answer.upgraded and self._transport is not None and not self._client.is_closing():
            self._connect(self._transport)

    def _connect(self, owner: asyncio.Transport) -> None:
        if self._early:
            owner.write(bytes(self._early))
        for transport, side in (
            (owner, _Side(self, self._client)),
            (self._client, _Side(self._handler, owner)),
        ):
            transport.set_protocol(side)
            # Written at once in the read, not after the loop's other reads.
            transport.set_write_buffer_limits(0)
            if transport.get_write_buffer_size():
                # The transport has told the former protocol, or nobody, and will tell this one when it is empty.
                side.pause_writing()

    def from_client(self, data: bytes) -> None:
        """Bytes of the client, kept until the owner has upgraded the connection, and dropped once it has refused."""
        if self._lingering is not None:
            return
        if len(self._early) + len(data) <= _UNSENT:
            self._early += data
        else:
            self.end()

    def send(self, data: bytes) -> None:
        """Send bytes to the owner."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        """End the connection to the owner, after what was sent; where that has ended, the client's."""
        if self._transport is not None:
            self._transport.close()
        elif self._lingering is not None:
            self._end_client()

    def abort(self) -> None:
        """End the connection to the owner at once, which may take nothing any more."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once: what the owner sent last, a close frame, goes out before the client's connection ends."""
        self._transport = None
        if self._answer.upgraded or self._client.is_closing() or not self._client.can_write_eof():
            self._end_client()
            return
        # Closed while bytes of the client are unread, the connection would be reset, and the end of the refusal with it.
        self._client.write_eof()
        self._lingering = asyncio.get_running_loop().call_later(_LINGER_S, self._end_client)

    def _end_client(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        self._client.close()
        if not self.ended.done():
            self.ended.set_result(None)


async def splice(request: web.Request, url: str, headers: dict[str, str]) -> Spliced:
    """Pass a handshake on to the node at ``url``, with ``headers`` added, and everything after it; returns at its end.

    Raises:
        OwnerUnreachable: that node takes no connection.
    """
    client, handler = request.transport, request.protocol
    if client is None:
        raise OwnerUnreachable("the client is gone")
    where = urlsplit(url)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            _, owner = await loop.create_connection(
                lambda: _FromOwner(client, handler), where.hostname or "", where.port or 80
            )
    except (OSError, TimeoutError) as error:
        raise OwnerUnreachable(str(error)) from error
    owner.send(_head(request, headers))
    handler.keep_alive(False)
    handler.set_parser(cast(Any, _FromClient(owner)))
    try:
        await owner.ended
    except asyncio.CancelledError:
        owner.abort()
        raise
    finally:
        owner.end()
    return Spliced()


def _head(request: web.Request, headers: dict[str, str]) -> bytes:
    lines = [f"{request.method} {request.raw_path} HTTP/1.1".encode("utf-8", "surrogateescape")]
    lines += [name + b": " + value for name, value in request.raw_headers if name.lower() not in _LEFT_OUT]
    lines += [f"{name}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"
