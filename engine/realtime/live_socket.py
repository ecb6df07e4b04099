"""``/ws/live-updates``: one live socket, from the handshake to the last frame.

A refusal is an ``error`` message, then a close, so that a browser can read why. Frames are read by aiohttp's parser and
delivered by ``frame_reader``; they are written to the transport, past aiohttp, where a room joins those of one tick.
A little long: one socket's way from the handshake to its close, in this order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pykka
import structlog
from aiohttp import EofStream, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import SECOND
from engine.domain.rejection import BadCredential, Invalid, Rejected, Unavailable
from engine.domain.session import STAFF, Role
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connect_request import ConnectRequest, parse_connect_request, requested_session_id
from engine.protocol.connection import HEARTBEAT_INTERVAL, Connection, Refused, RefusedAndClosed
from engine.protocol.frames import pong_frame
from engine.protocol.incoming import Inbound, parse_hello
from engine.protocol.tokens import Tokens
from engine.realtime.allowances import Allowances
from engine.realtime.authorization import SocketAuthorization, credential_of
from engine.realtime.frame_reader import NO_CODE, FrameReader, LiveResponse
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.leading_sockets import ENDED, LeadingSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.open_sockets import OpenSockets
from engine.realtime.seat import Seat
from engine.runtime.mailbox import MailboxFull
from engine.sessions.directory import Directory
from engine.sessions.messages import Attach, Detach, FromSocket, SeatClaim

__all__ = ["LiveSockets"]

_HELLO_TIMEOUT = 10.0
"""Seconds within which the first frame must come, when the query announces a hello."""
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
        directory: Directory,
        clock: Clock,
        tokens: Tokens,
        authorization: SocketAuthorization,
        leading: LeadingSockets,
        handshake: HandshakeChecks,
        allowances: Allowances,
        sockets: OpenSockets,
        metrics: LiveMetrics,
        new_id: Callable[[], str],
        welcome_fields: Callable[[str], dict[str, Any]],
        seat_claim: Callable[[web.BaseRequest], SeatClaim | None] = lambda request: None,
        held_places: Callable[[str], Awaitable[frozenset[str]]] | None = None,
    ) -> None:
        """``welcome_fields(session_id)`` is what the server adds to the top level of a welcome.

        ``seat_claim(request)`` is the address that a participant's seat is counted for; None where it is not.
        ``held_places(session_id)`` are the ``client_id``s for which registrations hold a place.
        """
        self._directory = directory
        self._clock = clock
        self._tokens = tokens
        self._authorization = authorization
        self._leading = leading
        self._handshake = handshake
        self._allowances = allowances
        self._sockets = sockets
        self._metrics = metrics
        self._new_id = new_id
        self._welcome_fields = welcome_fields
        self._seat_claim = seat_claim
        self._held_places = held_places

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/live-updates``."""
        self._handshake.check_request(request)
        ws = LiveResponse(
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
            seat, ref = await self._join(request, ws.frames, connect_request, transport)
        except Rejected as rejection:
            self._refuse_connection(seat, rejection, requested_session_id(query))
            await _wait_until_closed(ws.frames, transport)
            return ws
        except WebSocketError as error:
            seat.close(error.code)
            transport.close()
            return ws
        if seat.closing:
            return ws
        self._sockets.add(seat)

        async def end() -> None:
            seat.close(CloseCode.FORBIDDEN, ENDED)

        forget = self._leading.add(seat.credential, connect_request.session_id, end)
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

    # -- joining --------------------------------------------------------------------------------

    async def _join(
        self,
        request: web.Request,
        frames: FrameReader,
        connect_request: ConnectRequest,
        transport: asyncio.Transport,
    ) -> tuple[Seat, pykka.ActorRef[Any]]:
        """Check who it is, and hand the seat to the session's actor.

        Raises:
            Rejected: a credential is wrong, or there is no such session.
            WebSocketError: the peer violated the protocol before its hello.
        """
        credentials = await self._credentials(request, frames, connect_request, transport)
        admitted = await self._authorization.check_role(
            connect_request.session_id, connect_request.role, credentials.token
        )
        client_id = connect_request.client_id
        proved = False
        if client_id is not None and credentials.resume is not None:
            proved = self._tokens.proves(connect_request.session_id, client_id, credentials.resume)
        elif client_id is None and credentials.resume is not None:
            # The secret alone names its owner.
            client_id = self._tokens.resumed_client_id(connect_request.session_id, credentials.resume)
            proved = client_id is not None
        if credentials.resume is not None and not proved:
            raise BadCredential(
                "bad_credential",
                "This resume is not of this client_id in this session.",
                {"resume": "is not of this client_id"},
            )
        if client_id is None:
            client_id = f"c-{self._new_id()[:12]}"
        held: frozenset[str] = frozenset()
        if self._held_places is not None and connect_request.role is Role.PARTICIPANT:
            held = await self._held_places(connect_request.session_id)
        ref = await self._directory.find(connect_request.session_id)
        at = self._clock.elapsed()
        seat = Seat(client_id, connect_request.role, transport, self._metrics)
        if connect_request.role in STAFF:
            seat.credential = credentials.token
        seat.connection = Connection(
            connect_request.role,
            self._allowances.of(connect_request.session_id, client_id, at),
            self._allowances.limits,
            at,
        )
        top = {
            "resume": self._tokens.resume(connect_request.session_id, client_id),
            "heartbeat_interval": HEARTBEAT_INTERVAL // SECOND,
            "clock_rate": self._clock.rate,
            **self._welcome_fields(connect_request.session_id),
        }
        if transport.is_closing():
            # It ended meanwhile, and the same person may be back on a newer connection, whose place it must not take.
            seat.close(CloseCode.MOVED)
            return seat, ref
        join = c.Join(client_id, connect_request.role, proved, admitted, connect_request.name, held)
        claim = self._seat_claim(request)
        self._tell(ref, Attach(seat, join, top, connect_request.after, connect_request.epoch, claim))
        return seat, ref

    async def _credentials(
        self,
        request: web.Request,
        frames: FrameReader,
        connect_request: ConnectRequest,
        transport: asyncio.Transport,
    ) -> ConnectRequest:
        """``connect_request`` with the token and resume of the headers, the query, or the hello that it announces."""
        token, resume = connect_request.token, connect_request.resume
        if connect_request.hello:
            try:
                first = await asyncio.wait_for(_first_message(frames, transport), _HELLO_TIMEOUT)
            except TimeoutError:
                raise Invalid("invalid_message", "The first frame, a hello, did not come.") from None
            except WebSocketError as error:
                if error.code == WSCloseCode.MESSAGE_TOO_BIG:
                    raise self._allowances.limits.too_large() from None
                raise
            if first.type is not WSMsgType.TEXT:
                raise Invalid("invalid_message", "The first frame is a hello.")
            if self._allowances.limits.is_too_large(first.data):
                raise self._allowances.limits.too_large()
            hello = parse_hello(first.data)
            token, resume = hello.token or token, hello.resume or resume
        return replace(connect_request, token=credential_of(request) or token, resume=resume)

    def _refuse_connection(self, seat: Seat, rejection: Rejected, session_id: str | None) -> None:
        error = outgoing.error(session_id, self._clock.now(), rejection)
        seat.write(outgoing.frame(error))
        self._metrics.refused(rejection.code)
        seat.close(close_code_of(rejection.code), rejection.code)

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
                refused = self._allowances.limits.too_large()
                self._refuse_message(seat, session_id, RefusedAndClosed(CloseCode.LIMIT, refused))
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
                    self._tell(ref, FromSocket(seat, received))
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

    def _tell(self, ref: pykka.ActorRef[Any], message: object) -> None:
        """Put a message into the actor's mailbox.

        Raises:
            Unavailable: the mailbox is full, or the actor has stopped.
        """
        try:
            ref.tell(message)
        except MailboxFull:
            raise Unavailable("draining", "This room is too busy just now; come back in a moment.") from None
        except pykka.ActorDeadError:
            raise Unavailable("draining", "The session is being moved; come back in a moment.") from None

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


async def _first_message(frames: FrameReader, transport: asyncio.Transport) -> WSMessage:
    """Return the first data frame, or the close; pings before it are answered, pongs ignored.

    Raises:
        aiohttp.WebSocketError: the peer violated the protocol, or its message is over the size limit.
    """
    while True:
        try:
            frame: WSMessage = await frames.read()
        except EofStream:
            return WSMessage(WSMsgType.CLOSED, None, None)
        if frame.type is WSMsgType.PING:
            if not transport.is_closing():
                transport.write(pong_frame(frame.data))
        elif frame.type is not WSMsgType.PONG:
            return frame


async def _wait_until_closed(frames: FrameReader, transport: asyncio.Transport) -> None:
    """Wait for the peer's answer to our close; the seat aborts the transport if none comes."""
    try:
        while not frames.close_received:
            await frames.read()
    except EofStream:
        pass
    except WebSocketError:
        # Closing while the peer still sends would reset the connection, and the error we sent with it.
        await frames.disconnected()
    transport.close()
