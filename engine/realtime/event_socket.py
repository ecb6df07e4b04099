"""``/ws/session/{session_id}/events``: platform events in, an ``ack`` or an ``error`` for each."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import WSMsgType, web
from pydantic_core import from_json

from engine.clock import Clock
from engine.domain.rejection import Invalid, Rejected
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connection import SILENT_AFTER, Limits
from engine.protocol.platform import read_event
from engine.protocol.rates import TokenBucket
from engine.realtime.authorization import SocketAuthorization, credential_of
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.live_metrics import LiveMetrics
from engine.sessions.directory import Directory
from engine.sessions.platform_events import take_report

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
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/session/{session_id}/events``."""
        self._handshake.check_origin(request)
        ws = web.WebSocketResponse(compress=False, max_msg_size=_MAX_MESSAGE, timeout=2.0)
        await ws.prepare(request)
        session_id = request.match_info["session_id"]
        try:
            self._handshake.check_rate(request)
            self._authorization.need_staff(session_id, credential_of(request) or request.query.get("token"))
            await self._directory.find(session_id)
        except Rejected as rejection:
            self._metrics.refused(rejection.code)
            await self._send(ws, outgoing.error(session_id, self._clock.now(), rejection))
            await ws.close(code=close_code_of(rejection.code), message=rejection.code.encode())
            return ws
        self._open.add(ws)
        try:
            await self._receive(ws, session_id)
        finally:
            self._open.discard(ws)
        return ws

    async def close_all(self) -> None:
        """Close every socket with a code that asks the platform to come back."""
        closing = [ws.close(code=CloseCode.DRAINING, message=b"restarting") for ws in self._open]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _receive(self, ws: web.WebSocketResponse, session_id: str) -> None:
        """Take events one after the other until the socket ends."""
        bucket = TokenBucket(self._limits.staff, self._clock.now())
        while True:
            try:
                frame = await ws.receive(timeout=self._clock.seconds(SILENT_AFTER))
            except TimeoutError:
                self._metrics.closed(CloseCode.SILENT)
                await ws.close(code=CloseCode.SILENT, message=b"nothing was heard for 75 seconds")
                return
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
                wait = 0 if bucket.take(self._clock.now()) else bucket.wait(self._clock.now())
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
        reported = read_event(event, session_id)
        view = await take_report(self._directory, session_id, reported, self._clock.now())
        content: dict[str, Any] = {"accepted": view.accepted, "seq": view.state.seq}
        if reported.id is not None:
            content["reply_to"] = reported.id
        return outgoing.message("ack", session_id, self._clock.now(), content, **content)

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
