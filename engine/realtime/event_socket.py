"""``/ws/session/{session_id}/events``: platform events in, an ``ack`` or an ``error`` for each.

A ``heartbeat`` is answered with a ``heartbeat_ack``. Every frame is a sign of life, pings and pongs included.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import EofStream, WebSocketError, WSCloseCode, WSMsgType, web
from pydantic_core import from_json

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid, Rejected
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connection import SILENT_AFTER, Limits
from engine.protocol.frames import pong_frame
from engine.protocol.incoming import Inbound
from engine.protocol.platform import read_event
from engine.protocol.rates import TokenBucket
from engine.realtime.authorization import SocketAuthorization, credential_of
from engine.realtime.closing import send_close
from engine.realtime.frame_reader import FrameReader, FrameResponse
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.leading_sockets import ENDED, LeadingSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.seat import UNSENT_LIMIT
from engine.sessions.directory import Directory
from engine.sessions.platform_events import take_report
from engine.sessions.replies import heartbeat_answer

__all__ = ["EventSockets"]

_MAX_MESSAGE = 1024 * 1024
"""Bytes that aiohttp reads of one message at most. Our own limit lies below it and answers with its own code."""


@dataclass(slots=True, eq=False)
class _Socket:
    """An open socket. Frames are written to its transport: aiohttp's own writes wait for a peer that never reads."""

    frames: FrameReader
    transport: asyncio.Transport
    closing: bool = False

    def write(self, frame: bytes) -> None:
        """Write a frame, unless the socket is closing."""
        if not self.closing and not self.transport.is_closing():
            self.transport.write(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, write nothing more, and abort the connection if the peer does not answer it in time."""
        if self.closing:
            return
        send_close(self.transport, code, reason)
        self.closing = True

    def abort(self) -> None:
        """Abort the connection without a close frame; uvloop's transport keeps what was not sent even then."""
        self.closing = True
        self.transport.abort()


class EventSockets:
    """Serves the WebSockets over which other platforms send events."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        authorization: SocketAuthorization,
        leading: LeadingSockets,
        handshake: HandshakeChecks,
        limits: Limits,
        metrics: LiveMetrics,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._authorization = authorization
        self._leading = leading
        self._handshake = handshake
        self._limits = limits
        self._metrics = metrics
        self._heard_at: dict[_Socket, Millis] = {}
        """The open sockets, and when the newest frame of each came."""
        self._empty = asyncio.Event()
        self._empty.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/session/{session_id}/events``."""
        self._handshake.check_request(request)
        ws = FrameResponse(compress=False, autoclose=False, autoping=False, max_msg_size=_MAX_MESSAGE)
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        socket = _Socket(ws.frames, transport)
        try:
            await self._serve(request, socket)
            await ws.frames.ended()
        except EofStream:
            pass
        except WebSocketError as error:
            socket.close(error.code)
        transport.close()
        return ws

    def close_all(self) -> None:
        """Close every socket with a code that asks the platform to come back."""
        for socket in self._heard_at:
            socket.close(CloseCode.DRAINING, "restarting")

    async def wait_empty(self) -> None:
        """Return once no socket is open."""
        await self._empty.wait()

    def close_silent(self) -> None:
        """Close the sockets from which nothing has come for too long."""
        before = self._clock.elapsed() - SILENT_AFTER
        for socket, heard_at in self._heard_at.items():
            if heard_at < before and not socket.closing:
                self._metrics.closed(CloseCode.SILENT)
                socket.close(CloseCode.SILENT, "nothing was heard for 75 seconds")

    async def _serve(self, request: web.Request, socket: _Socket) -> None:
        """Let a platform in, and take its events until the socket ends.

        Raises:
            aiohttp.EofStream: the connection is lost.
            aiohttp.WebSocketError: the peer violated the protocol.
        """
        session_id = request.match_info["session_id"]
        try:
            self._handshake.check_rate(request)
            credential = credential_of(request) or request.query.get("token")
            await self._authorization.need_staff(session_id, credential)
            await self._directory.find(session_id)
        except Rejected as rejection:
            self._metrics.refused(rejection.code)
            self._send(socket, outgoing.error(session_id, self._clock.now(), rejection))
            socket.close(close_code_of(rejection.code), rejection.code)
            return
        self._heard_at[socket] = self._clock.elapsed()
        self._empty.clear()
        forget = self._leading.add(credential, session_id, partial(socket.close, CloseCode.FORBIDDEN, ENDED))
        try:
            await self._receive(socket, session_id)
        except WebSocketError as error:
            # A message so long that aiohttp stopped reading it is over our limit too.
            if error.code != WSCloseCode.MESSAGE_TOO_BIG:
                raise
            self._refuse_too_large(socket, session_id)
        finally:
            forget()
            del self._heard_at[socket]
            if not self._heard_at:
                self._empty.set()

    async def _receive(self, socket: _Socket, session_id: str) -> None:
        """Take events one after the other until the socket ends; once it is closing, discard them.

        Raises:
            aiohttp.EofStream: the connection is lost.
            aiohttp.WebSocketError: the peer violated the protocol, or its message is too long to be read.
        """
        bucket = TokenBucket(self._limits.staff, self._clock.elapsed())
        while True:
            frame = await socket.frames.read()
            self._heard_at[socket] = self._clock.elapsed()
            if frame.type is WSMsgType.CLOSE:
                socket.close(CloseCode.DONE)
                return
            if frame.type is WSMsgType.PING:
                self._write(socket, pong_frame(frame.data))
            elif frame.type is not WSMsgType.PONG and not socket.closing:
                await self._take(frame.data, socket, session_id, bucket)

    async def _take(self, data: str | bytes, socket: _Socket, session_id: str, bucket: TokenBucket) -> None:
        """Carry out one event and answer it; one that is too long ends the socket."""
        if self._limits.is_too_large(data):
            self._refuse_too_large(socket, session_id)
            return
        event_id: str | None = None
        try:
            wait = 0 if bucket.take(self._clock.elapsed()) else bucket.wait(self._clock.elapsed())
            if wait:
                self._metrics.limited("events")
                raise Rejected("rate_limited", "Too many events.", {"retry_after": str(-(-wait // 1000))})
            event = _json_object(data)
            event_id = event.get("id") if isinstance(event.get("id"), str) else None
            reply = await self._carry_out(event, session_id)
        except Rejected as rejection:
            reply = outgoing.error(session_id, self._clock.now(), rejection, event_id)
        self._send(socket, reply)

    def _refuse_too_large(self, socket: _Socket, session_id: str) -> None:
        rejection = self._limits.too_large()
        self._metrics.limited(rejection.code)
        self._send(socket, outgoing.error(session_id, self._clock.now(), rejection))
        socket.close(CloseCode.LIMIT, rejection.code)

    async def _carry_out(self, event: dict[str, Any], session_id: str) -> outgoing.Message:
        """Carry out what one event reports; returns the ``ack``, once that is durable.

        Raises:
            Rejected: the event is wrong, or not possible in the state of its session.
        """
        if event.get("type") == "heartbeat":
            return await self._heartbeat(event, session_id)
        now = self._clock.now()
        reported = read_event(event, session_id, now)
        view = await take_report(self._directory, session_id, reported)
        content: dict[str, Any] = {"accepted": True, "seq": view.state.seq}
        if view.outcome != "accepted":
            content["ignored"] = True
        if view.outcome == "repeated":
            content["repeated"] = True
        if reported.id is not None:
            content["reply_to"] = reported.id
        return outgoing.message("ack", session_id, self._clock.now(), content, **content)

    async def _heartbeat(self, message: dict[str, Any], session_id: str) -> outgoing.Message:
        reply_to = message.get("id")
        inbound = Inbound("heartbeat", c.Heartbeat(), reply_to if isinstance(reply_to, str) else None)
        view = await self._directory.view(session_id)
        seq = 0 if view is None else view.state.seq
        return heartbeat_answer(inbound, session_id, seq, self._clock.now())

    def _send(self, socket: _Socket, message: outgoing.Message) -> None:
        self._write(socket, outgoing.frame(message))

    def _write(self, socket: _Socket, frame: bytes) -> None:
        """Write to the transport, and end the socket whose peer does not read what it asks for."""
        socket.write(frame)
        if not socket.closing and socket.transport.get_write_buffer_size() > UNSENT_LIMIT:
            self._metrics.closed(CloseCode.TOO_SLOW)
            socket.abort()


def _json_object(data: str | bytes) -> dict[str, Any]:
    if isinstance(data, bytes):
        raise Invalid("invalid_event", "Events are text frames with JSON.")
    try:
        event = from_json(data, allow_inf_nan=False)
    except ValueError:
        raise Invalid("invalid_event", "An event is a JSON object in a text frame.") from None
    if not isinstance(event, dict):
        raise Invalid("invalid_event", "An event is a JSON object.", {"body": "must be an object"})
    return event
