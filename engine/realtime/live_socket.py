"""``/ws/live-updates``: one live socket's way from the handshake to the last frame.

A refusal is an ``error`` message, then a close, so that a browser can read why. Frames are read by aiohttp's parser and
delivered by ``frame_reader``; they are written to the transport, past aiohttp, where a room joins those of one tick.
Who may come is decided in ``admission``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pykka
import structlog
from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from engine.clock import Clock
from engine.domain.rejection import Rejected, Unavailable
from engine.domain.session import Role
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode
from engine.protocol.connect_request import parse_connect_request, requested_session_id
from engine.protocol.connection import Limits, Refused, RefusedAndClosed
from engine.protocol.frames import pong_frame
from engine.protocol.incoming import Inbound
from engine.realtime.admission import Admission, tell
from engine.realtime.frame_reader import NO_CODE, FrameReader, FrameResponse
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.leading_sockets import ENDED, LeadingSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.open_sockets import OpenSockets
from engine.realtime.seat import Seat
from engine.runtime.mailbox import MailboxFull
from engine.sessions.directory import Directory
from engine.sessions.messages import Detach, FromSocket

__all__ = ["LiveSockets"]

_MAX_MESSAGE = 256 * 1024
"""Bytes that aiohttp reads of one message at most. Our own limit lies below it and answers with its own code."""
_GOODBYE_CODES = frozenset({int(WSCloseCode.OK), NO_CODE})
"""Close codes with which a peer leaves on purpose."""

log = structlog.get_logger()


class LiveSockets:
    """Serves the live sockets: handshake, join, reading, leaving."""

    def __init__(
        self,
        *,
        handshake: HandshakeChecks,
        admission: Admission,
        limits: Limits,
        leading: LeadingSockets,
        sockets: OpenSockets,
        directory: Directory,
        clock: Clock,
        metrics: LiveMetrics,
    ) -> None:
        self._handshake = handshake
        self._admission = admission
        self._limits = limits
        self._leading = leading
        self._sockets = sockets
        self._directory = directory
        self._clock = clock
        self._metrics = metrics

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/live-updates``."""
        self._handshake.check_request(request)
        ws = FrameResponse(
            compress=False, autoclose=False, autoping=False, max_msg_size=_MAX_MESSAGE, writer_limit=2**14
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        query = request.rel_url.raw_query_string
        seat = Seat("", Role.PARTICIPANT, transport, self._metrics)
        try:
            self._handshake.check_rate(request)
            connect_request = parse_connect_request(query)
            seat, ref = await self._admission.admit(request, ws.frames, connect_request, transport)
        except Rejected as rejection:
            self._refuse_connection(seat, rejection, requested_session_id(query))
            await ws.frames.ended()
            transport.close()
            return ws
        except WebSocketError as error:
            seat.close(error.code)
            transport.close()
            return ws
        if seat.closing:
            return ws
        self._sockets.add(seat)
        forget = self._leading.add(
            seat.credential, connect_request.session_id, partial(seat.close, CloseCode.FORBIDDEN, ENDED)
        )
        code: int | None = None
        try:
            # The welcome is written first: frames that come before it wait in the queue.
            await seat.admitted()
            code = await self._receive(ws.frames, seat, ref, connect_request.session_id)
        finally:
            forget()
            goodbye = code in _GOODBYE_CODES
            our_code = seat.closed_with
            if code is not None:
                seat.close(CloseCode.DONE)
            self._sockets.remove(seat, code if our_code is None else our_code)
            await self._detach(seat, ref, connect_request.session_id, goodbye)
            transport.abort() if code is None else transport.close()
        return ws

    def _refuse_connection(self, seat: Seat, rejection: Rejected, session_id: str | None) -> None:
        error = outgoing.error(session_id, self._clock.now(), rejection)
        seat.write(outgoing.frame(error))
        seat.refuse(rejection.code)

    # -- reading --------------------------------------------------------------------------------

    async def _receive(
        self, frames: FrameReader, seat: Seat, ref: pykka.ActorRef[Any], session_id: str
    ) -> int | None:
        """Take messages until the socket ends; returns its close code, None when the connection was lost."""
        try:
            code = await frames.deliver_to(partial(self._on_frame, seat, ref, session_id))
        except WebSocketError as error:
            # A message so long that aiohttp stopped reading it is over our limit too.
            if error.code == WSCloseCode.MESSAGE_TOO_BIG:
                refused = self._limits.too_large()
                self._refuse_message(seat, session_id, RefusedAndClosed(CloseCode.LIMIT, refused))
                await frames.ended()
            else:
                seat.close(error.code)
            return int(error.code)
        return code

    def _on_frame(self, seat: Seat, ref: pykka.ActorRef[Any], session_id: str, frame: WSMessage) -> None:
        connection = seat.connection
        assert connection is not None
        if frame.type is WSMsgType.TEXT or frame.type is WSMsgType.BINARY:
            if seat.closing:
                return
            received = connection.receive(frame.data, self._clock.elapsed())
            if isinstance(received, Inbound):
                self._metrics.received(received.type)
                try:
                    tell(ref, FromSocket(seat, received))
                except Unavailable as rejection:
                    seat.write(
                        outgoing.frame(outgoing.error(session_id, self._clock.now(), rejection, received.id))
                    )
                    seat.close(CloseCode.MOVED, rejection.code)
            else:
                self._refuse_message(seat, session_id, received)
        elif frame.type is WSMsgType.PING:
            connection.last_received_at = self._clock.elapsed()
            seat.write(pong_frame(frame.data))
        elif frame.type is WSMsgType.PONG:
            self._sockets.pong(seat, connection)

    def _refuse_message(self, seat: Seat, session_id: str, refused: Refused | RefusedAndClosed) -> None:
        """Answer a message with an error; close the socket when the protocol says so."""
        at = self._clock.now()
        if isinstance(refused, RefusedAndClosed):
            seat.write(outgoing.frame(outgoing.error(session_id, at, refused.reason)))
            self._metrics.limited(refused.reason.code)
            seat.close(refused.code, refused.reason.code)
            return
        if refused.limited:
            self._metrics.limited(refused.reason.code)
        else:
            self._metrics.wrong()
        seat.write(outgoing.frame(outgoing.error(session_id, at, refused.reason, refused.reply_to)))

    # -- leaving --------------------------------------------------------------------------------

    async def _detach(self, seat: Seat, ref: pykka.ActorRef[Any], session_id: str, goodbye: bool) -> None:
        try:
            if not ref.is_alive():
                if self._directory.handing_over:
                    return  # Its next owner knows who was here, and who is not back in time.
                ref = await self._directory.find(session_id)
            ref.tell(Detach(seat, goodbye))
        except (Rejected, pykka.ActorDeadError, MailboxFull) as reason:
            # The rebuilt session then announces that client as left after the grace.
            log.warning("a departure was not heard", session_id=session_id, reason=str(reason))
