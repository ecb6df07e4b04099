"""Who comes to a live socket: credentials and resume are checked, and a seat is handed to the session's actor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pykka
from aiohttp import EofStream, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import SECOND
from engine.domain.rejection import Invalid, Unavailable
from engine.domain.session import STAFF, Role
from engine.protocol.close_codes import CloseCode
from engine.protocol.connect_request import ConnectRequest
from engine.protocol.connection import HEARTBEAT_INTERVAL, Connection
from engine.protocol.frames import pong_frame
from engine.protocol.incoming import parse_hello
from engine.realtime.allowances import Allowances
from engine.realtime.authorization import SocketAuthorization, credential_of
from engine.realtime.frame_reader import FrameReader
from engine.realtime.seat import RoomMetrics, Seat
from engine.runtime.mailbox import MailboxFull
from engine.sessions.directory import Directory
from engine.sessions.messages import Attach, SeatClaim

__all__ = ["Admission", "tell"]

_HELLO_TIMEOUT = 10.0
"""Seconds within which the first frame must come, when the query announces a hello."""


class Admission:
    """Seats whoever may come to a session."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        authorization: SocketAuthorization,
        allowances: Allowances,
        metrics: RoomMetrics,
        new_id: Callable[[], str],
        welcome_fields: Callable[[str], dict[str, Any]],
        seat_claim: Callable[[web.BaseRequest], SeatClaim | None] = lambda request: None,
        held_places: Callable[[str, str | None], Awaitable[frozenset[str]]] | None = None,
    ) -> None:
        """``welcome_fields(session_id)`` is what the server adds to the top level of a welcome.

        ``seat_claim(request)`` is the address that a participant's seat is counted for; None where it is not.
        ``held_places(session_id, proved)`` are the ``client_id``s for which registrations hold a place; ``proved`` is who asks.
        """
        self._directory = directory
        self._clock = clock
        self._authorization = authorization
        self._allowances = allowances
        self._metrics = metrics
        self._new_id = new_id
        self._welcome_fields = welcome_fields
        self._seat_claim = seat_claim
        self._held_places = held_places

    async def admit(
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
        proved = self._authorization.proved_client_id(
            connect_request.session_id, connect_request.client_id, credentials.resume
        )
        client_id = proved or connect_request.client_id or f"c-{self._new_id()[:12]}"
        held: frozenset[str] = frozenset()
        if self._held_places is not None and connect_request.role is Role.PARTICIPANT:
            held = await self._held_places(connect_request.session_id, proved)
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
            "resume": self._authorization.resume_of(connect_request.session_id, client_id),
            "heartbeat_interval": HEARTBEAT_INTERVAL // SECOND,
            "clock_rate": self._clock.rate,
            **self._welcome_fields(connect_request.session_id),
        }
        if transport.is_closing():
            # It ended meanwhile, and the same person may be back on a newer connection, whose place it must not take.
            seat.close(CloseCode.MOVED)
            return seat, ref
        join = c.Join(
            client_id, connect_request.role, proved is not None, admitted, connect_request.name, held
        )
        claim = self._seat_claim(request)
        tell(ref, Attach(seat, join, top, connect_request.after, connect_request.epoch, claim))
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


def tell(ref: pykka.ActorRef[Any], message: object) -> None:
    """Put a message into an actor's mailbox.

    Raises:
        Unavailable: the mailbox is full, or the actor has stopped.
    """
    try:
        ref.tell(message)
    except MailboxFull:
        raise Unavailable("draining", "This room is too busy just now; come back in a moment.") from None
    except pykka.ActorDeadError:
        raise Unavailable("draining", "The session is being moved; come back in a moment.") from None


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
