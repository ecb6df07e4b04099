"""``/ws/session/{session_id}/events``: platform events in, an ``ack`` or an ``error`` for each."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import WSMsgType, web
from pydantic_core import from_json

from engine.actors.directory import Directory
from engine.actors.reports import take_report
from engine.clock import Clock
from engine.domain.rejection import Invalid, Rejected
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connection import SILENT_AFTER, Limits
from engine.protocol.platform import read_event
from engine.protocol.rates import TokenBucket
from engine.realtime.authority import Authority, presented
from engine.realtime.counts import Counts
from engine.realtime.handshake import Door

__all__ = ["EventSockets"]

_FRAME_LIMIT = 1024 * 1024
"""What aiohttp reads of one message, closing by itself above; our own limit answers with its words below that."""


class EventSockets:
    """Serves the sockets of platforms."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        authority: Authority,
        door: Door,
        limits: Limits,
        counts: Counts,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._authority = authority
        self._door = door
        self._limits = limits
        self._counts = counts
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler."""
        self._door.check_origin(request)
        ws = web.WebSocketResponse(compress=False, max_msg_size=_FRAME_LIMIT, timeout=2.0)
        await ws.prepare(request)
        session_id = request.match_info["session_id"]
        try:
            self._door.admit(request)
            self._authority.need_staff(session_id, presented(request) or request.query.get("token"))
            await self._directory.find(session_id)
        except Rejected as refusal:
            self._counts.refused(refusal.code)
            await self._tell(ws, outgoing.error(session_id, self._clock.now(), refusal))
            await ws.close(code=close_code_of(refusal.code), message=refusal.code.encode())
            return ws
        self._open.add(ws)
        try:
            await self._read(ws, session_id)
        finally:
            self._open.discard(ws)
        return ws

    async def close_all(self) -> None:
        """Ask every platform to come back later."""
        goodbye = [ws.close(code=CloseCode.DRAINING, message=b"restarting") for ws in self._open]
        await asyncio.gather(*goodbye, return_exceptions=True)

    async def _read(self, ws: web.WebSocketResponse, session_id: str) -> None:
        bucket = TokenBucket(self._limits.staff, self._clock.now())
        while True:
            try:
                frame = await ws.receive(timeout=self._clock.seconds(SILENT_AFTER))
            except TimeoutError:
                self._counts.closed(CloseCode.SILENT)
                await ws.close(code=CloseCode.SILENT, message=b"nothing was heard for 75 seconds")
                return
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            if self._limits.is_too_large(frame.data):
                refusal = self._limits.too_large()
                self._counts.limited(refusal.code)
                await self._tell(ws, outgoing.error(session_id, self._clock.now(), refusal))
                await ws.close(code=CloseCode.LIMIT, message=refusal.code.encode())
                return
            event_id: str | None = None
            try:
                wait = 0 if bucket.take(self._clock.now()) else bucket.wait(self._clock.now())
                if wait:
                    self._counts.limited("events")
                    raise Rejected("rate_limited", "Too many events.", {"retry_after": str(-(-wait // 1000))})
                outer = _object(frame.data)
                event_id = outer.get("id") if isinstance(outer.get("id"), str) else None
                answer = await self._take(outer, session_id)
            except Rejected as refusal:
                answer = outgoing.error(session_id, self._clock.now(), refusal, event_id)
            await self._tell(ws, answer)

    async def _take(self, outer: dict[str, Any], session_id: str) -> outgoing.Message:
        reported = read_event(outer, session_id)
        view = await take_report(self._directory, session_id, reported)
        told: dict[str, Any] = {"accepted": view.accepted, "seq": view.state.seq}
        if reported.id is not None:
            told["reply_to"] = reported.id
        return outgoing.message("ack", session_id, self._clock.now(), told, **told)

    async def _tell(self, ws: web.WebSocketResponse, message: outgoing.Message) -> None:
        if not ws.closed:
            await ws.send_str(outgoing.text(message))


def _object(data: str | bytes) -> dict[str, Any]:
    if isinstance(data, bytes):
        raise Invalid("invalid_event", "Events are text frames with JSON.")
    try:
        outer = from_json(data, allow_inf_nan=False)
    except ValueError:
        raise Invalid("invalid_event", "An event is a JSON object in a text frame.") from None
    if not isinstance(outer, dict):
        raise Invalid("invalid_event", "An event is a JSON object.", {"body": "must be an object"})
    return outer
