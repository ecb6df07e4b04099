"""``/ws/session/{session_id}/events``: platform events in, an ``ack`` or an ``error`` for each.

A ``heartbeat`` is answered with a ``heartbeat_ack``. Every frame is a sign of life, pings and pongs included.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import WSMsgType, web
from pydantic_core import from_json

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid, Rejected
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connection import SILENT_AFTER, Limits
from engine.protocol.incoming import Inbound
from engine.protocol.platform import read_event
from engine.protocol.rates import TokenBucket
from engine.realtime.authorization import SocketAuthorization, credential_of
from engine.realtime.frame_reader import StrictResponse
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.live_metrics import LiveMetrics
from engine.sessions.directory import Directory
from engine.sessions.platform_events import take_report
from engine.sessions.replies import heartbeat_answer

__all__ = ["EventSockets"]

_MAX_MESSAGE = 1024 * 1024
"""Bytes that aiohttp reads of one message, closing by itself above. Our own limit lies below it and says why."""


class EventSockets:
    """Serves the WebSockets over which other platforms send events."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        authorization: SocketAuthorization,
        handshake: HandshakeChecks,
        limits: Limits,
        metrics: LiveMetrics,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._authorization = authorization
        self._handshake = handshake
        self._limits = limits
        self._metrics = metrics
        self._heard_at: dict[web.WebSocketResponse, Millis] = {}
        """The open sockets, and when the newest frame of each came."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/session/{session_id}/events``."""
        self._handshake.check_request(request)
        ws = StrictResponse(compress=False, autoping=False, max_msg_size=_MAX_MESSAGE, timeout=2.0)
        await ws.prepare(request)
        session_id = request.match_info["session_id"]
        try:
            self._handshake.check_rate(request)
            credential = credential_of(request) or request.query.get("token")
            await self._authorization.need_staff(session_id, credential)
            await self._directory.find(session_id)
        except Rejected as rejection:
            self._metrics.refused(rejection.code)
            await self._send(ws, outgoing.error(session_id, self._clock.now(), rejection))
            await ws.close(code=close_code_of(rejection.code), message=rejection.code.encode())
            return ws
        self._heard_at[ws] = self._clock.elapsed()
        try:
            await self._receive(ws, session_id)
        finally:
            self._heard_at.pop(ws, None)
        return ws

    async def close_all(self) -> None:
        """Close every socket with a code that asks the platform to come back."""
        closing = [ws.close(code=CloseCode.DRAINING, message=b"restarting") for ws in self._heard_at]
        await asyncio.gather(*closing, return_exceptions=True)

    async def close_silent(self) -> None:
        """Close the sockets from which nothing has come for too long."""
        before = self._clock.elapsed() - SILENT_AFTER
        silent = [ws for ws, heard_at in self._heard_at.items() if heard_at < before]
        for ws in silent:
            del self._heard_at[ws]
            self._metrics.closed(CloseCode.SILENT)
        closing = [
            ws.close(code=CloseCode.SILENT, message=b"nothing was heard for 75 seconds") for ws in silent
        ]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _receive(self, ws: web.WebSocketResponse, session_id: str) -> None:
        """Take events one after the other until the socket ends."""
        bucket = TokenBucket(self._limits.staff, self._clock.elapsed())
        while True:
            frame = await ws.receive()
            if ws in self._heard_at:
                self._heard_at[ws] = self._clock.elapsed()
            if frame.type is WSMsgType.PING:
                await ws.pong(frame.data)
                continue
            if frame.type is WSMsgType.PONG:
                continue
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if self._limits.is_too_large(frame.data):
                rejection = self._limits.too_large()
                self._metrics.limited(rejection.code)
                await self._send(ws, outgoing.error(session_id, self._clock.now(), rejection))
                await ws.close(code=CloseCode.LIMIT, message=rejection.code.encode())
                return
            event_id: str | None = None
            try:
                wait = 0 if bucket.take(self._clock.elapsed()) else bucket.wait(self._clock.elapsed())
                if wait:
                    self._metrics.limited("events")
                    raise Rejected("rate_limited", "Too many events.", {"retry_after": str(-(-wait // 1000))})
                event = _json_object(frame.data)
                event_id = event.get("id") if isinstance(event.get("id"), str) else None
                reply = await self._carry_out(event, session_id)
            except Rejected as rejection:
                reply = outgoing.error(session_id, self._clock.now(), rejection, event_id)
            await self._send(ws, reply)

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

    async def _send(self, ws: web.WebSocketResponse, message: outgoing.Message) -> None:
        if not ws.closed:
            await ws.send_str(outgoing.text(message))


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
