"""``/ws/live-updates``: one live socket, from the handshake to the last frame.

A refusal is an ``error`` message, then a close, so that a browser can read why. Reading is aiohttp's;
writing goes past it to the transport, where a room's frames are joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import pykka
import structlog
from aiohttp import EofStream, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import SECOND
from engine.domain.rejection import BadCredential, Invalid, Rejected, Unavailable
from engine.domain.session import Role
from engine.protocol import outgoing
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connect_request import Asked, read_query, session_asked
from engine.protocol.connection import HEARTBEAT_INTERVAL, Connection, Refused, Shut
from engine.protocol.frames import ping_frame, pong_frame
from engine.protocol.incoming import Inbound, parse_hello
from engine.protocol.tokens import Tokens
from engine.realtime.allowances import Allowances
from engine.realtime.authority import Authority, presented
from engine.realtime.frame_reader import NO_CODE, Inlet, LiveResponse
from engine.realtime.handshake import Door
from engine.realtime.live_metrics import Counts
from engine.realtime.seat import Seat
from engine.runtime.mailbox import MailboxFull
from engine.sessions.directory import Directory
from engine.sessions.messages import Attach, Detach, FromSocket

__all__ = ["LiveSockets"]

_HELLO_WITHIN = 10.0
_PINGED = 50
"""Sockets whose round trip is measured at a time."""
_FRAME_LIMIT = 256 * 1024
"""What aiohttp reads of one message at most; our own limit answers with its code below that."""
_CLEAN = frozenset({int(WSCloseCode.OK), NO_CODE})

log = structlog.get_logger()


class LiveSockets:
    """Serves every live socket of this server."""

    def __init__(
        self,
        *,
        directory: Directory,
        clock: Clock,
        tokens: Tokens,
        authority: Authority,
        door: Door,
        allowances: Allowances,
        counts: Counts,
        new_id: Callable[[], str],
        welcome_top: Callable[[str], dict[str, Any]],
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._tokens = tokens
        self._authority = authority
        self._door = door
        self._allowances = allowances
        self._counts = counts
        self._new_id = new_id
        self._welcome_top = welcome_top
        self.ended = 0
        """How many sockets have ended since the start."""
        self._open: set[Seat] = set()
        self._pinged: dict[Seat, float] = {}
        """When those were asked who have not answered yet."""
        self._next_pinged = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def open(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/ws/live-updates``."""
        self._door.check_origin(request)
        ws = LiveResponse(
            compress=False, autoclose=False, autoping=False, max_msg_size=_FRAME_LIMIT, writer_limit=2**14
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        address = request.rel_url.raw_query_string
        seat = Seat("", Role.PARTICIPANT, transport, self._counts)
        try:
            self._door.admit(request)
            asked = read_query(address)
            seat, ref = await self._enter(request, ws.inlet, asked, transport)
        except Rejected as refusal:
            self._refuse(seat, refusal, session_asked(address))
            await _until_closed(ws.inlet, transport)
            return ws
        if seat.closing:
            return ws
        self._open.add(seat)
        self._empty.clear()
        self._counts.connected(seat.role)
        code: int | None = None
        try:
            # The welcome is first: what comes before it waits in the socket.
            await seat.let_in()
            code = await self._read(ws.inlet, seat, ref, asked.session_id)
        finally:
            clean = code in _CLEAN
            ours = seat.closed_with
            if code is not None:
                seat.close(CloseCode.DONE)
            self._open.discard(seat)
            self._pinged.pop(seat, None)
            self.ended += 1
            if not self._open:
                self._empty.set()
            self._counts.disconnected(seat.role, code if ours is None else ours)
            await self._part(seat, ref, asked.session_id, clean)
            transport.abort() if code is None else transport.close()
        return ws

    async def emptied(self) -> None:
        """Return once no socket is open."""
        await self._empty.wait()

    def close_all(self, code: CloseCode, reason: Callable[[], str]) -> None:
        """Ask everybody to go: each with a reason of their own."""
        for seat in list(self._open):
            seat.close(code, reason())

    def cut_silent(self) -> None:
        """Close the sockets from which nothing comes any more."""
        at = self._clock.now()
        for seat in list(self._open):
            if seat.connection is not None and seat.connection.is_silent(at):
                seat.close(CloseCode.SILENT, "nothing was heard for 75 seconds")

    def ping_some(self) -> None:
        """Ask a few sockets, each in its turn, for a sign: how long it takes is the round trip."""
        number = len(self._open)
        began = asyncio.get_running_loop().time()
        for seat in islice(self._open, self._next_pinged, self._next_pinged + _PINGED):
            if seat.unsent == 0:
                self._pinged[seat] = began
                seat.write(ping_frame())
        self._next_pinged = self._next_pinged + _PINGED if self._next_pinged + _PINGED < number else 0

    # -- coming in ------------------------------------------------------------------------------

    async def _enter(
        self, request: web.Request, inlet: Inlet, asked: Asked, transport: asyncio.Transport
    ) -> tuple[Seat, pykka.ActorRef[Any]]:
        secrets = await self._secrets(request, inlet, asked, transport)
        role, admitted = self._authority.role(asked.session_id, asked.role, secrets.token)
        client_id = asked.client_id
        proved = False
        if client_id is not None and secrets.resume is not None:
            proved = self._tokens.proves(asked.session_id, client_id, secrets.resume)
        elif client_id is None and secrets.resume is not None:
            # Whoever brings the secret alone is known by it.
            client_id = self._tokens.whose(asked.session_id, secrets.resume)
            proved = client_id is not None
        if secrets.resume is not None and not proved:
            raise BadCredential("bad_credential", "This resume is not of this client_id in this session.")
        if client_id is None:
            client_id = f"c-{self._new_id()[:12]}"
        ref = await self._directory.find(asked.session_id)
        at = self._clock.now()
        seat = Seat(client_id, role, transport, self._counts)
        seat.connection = Connection(
            role,
            self._allowances.of(asked.session_id, client_id, at),
            self._allowances.limits,
            at,
        )
        top = {
            "resume": self._tokens.resume(asked.session_id, client_id),
            "heartbeat_interval": HEARTBEAT_INTERVAL // SECOND,
            "clock_rate": self._clock.rate,
            **self._welcome_top(asked.session_id),
        }
        join = c.Join(client_id, role, proved, admitted, asked.name)
        self._tell(ref, Attach(seat, join, top, asked.after, asked.epoch))
        return seat, ref

    async def _secrets(
        self, request: web.Request, inlet: Inlet, asked: Asked, transport: asyncio.Transport
    ) -> Asked:
        token, resume = asked.token, asked.resume
        if asked.hello:
            try:
                first = await asyncio.wait_for(_first_message(inlet, transport), _HELLO_WITHIN)
            except TimeoutError:
                raise Invalid("invalid_message", "The first frame, a hello, did not come.") from None
            except WebSocketError as wrong:
                if wrong.code == WSCloseCode.MESSAGE_TOO_BIG:
                    raise self._allowances.limits.too_large() from None
                raise Invalid("invalid_message", "The first frame is a hello.") from None
            if first.type is not WSMsgType.TEXT:
                raise Invalid("invalid_message", "The first frame is a hello.")
            if self._allowances.limits.is_too_large(first.data):
                raise self._allowances.limits.too_large()
            hello = parse_hello(first.data)
            token, resume = hello.token or token, hello.resume or resume
        return replace(asked, token=presented(request) or token, resume=resume)

    def _refuse(self, seat: Seat, refusal: Rejected, session_id: str | None) -> None:
        told = outgoing.error(session_id, self._clock.now(), refusal)
        seat.write(outgoing.frame(told))
        self._counts.refused(refusal.code)
        seat.close(close_code_of(refusal.code), refusal.code)

    # -- being here -----------------------------------------------------------------------------

    async def _read(self, inlet: Inlet, seat: Seat, ref: pykka.ActorRef[Any], session_id: str) -> int | None:
        """Take messages until the end: the code of the close, None when the connection broke."""
        try:
            code = await inlet.hand_over(partial(self._take, seat, ref, session_id))
        except WebSocketError as wrong:
            # A message so long that it was not read to its end is over our limit too.
            if wrong.code == WSCloseCode.MESSAGE_TOO_BIG:
                refused = self._allowances.limits.too_large()
                self._object(seat, session_id, Shut(CloseCode.LIMIT, refused))
            else:
                seat.close(wrong.code)
            return int(wrong.code)
        return code

    def _take(self, seat: Seat, ref: pykka.ActorRef[Any], session_id: str, frame: WSMessage) -> None:
        connection = seat.connection
        assert connection is not None
        at = self._clock.now()
        if frame.type is WSMsgType.TEXT or frame.type is WSMsgType.BINARY:
            if seat.closing:
                return
            received = connection.receive(frame.data, at)
            if isinstance(received, Inbound):
                self._counts.received(received.type)
                try:
                    self._tell(ref, FromSocket(seat, received))
                except Unavailable as refusal:
                    seat.write(outgoing.frame(outgoing.error(session_id, at, refusal, received.id)))
                    seat.close(CloseCode.MOVED, refusal.code)
            else:
                self._object(seat, session_id, received)
        elif frame.type is WSMsgType.PING:
            connection.heard_at = at
            seat.write(pong_frame(frame.data))
        elif frame.type is WSMsgType.PONG:
            asked_at = self._pinged.pop(seat, None)
            if asked_at is None:
                connection.heard_at = at
            else:  # A browser answers this for a page that has stopped: no sign of its life.
                self._counts.rtt(asyncio.get_running_loop().time() - asked_at)

    def _object(self, seat: Seat, session_id: str, refused: Refused | Shut) -> None:
        at = self._clock.now()
        if isinstance(refused, Shut):
            seat.write(outgoing.frame(outgoing.error(session_id, at, refused.reason)))
            self._counts.limited(refused.reason.code)
            seat.close(refused.code, refused.reason.code)
            return
        if refused.limited:
            self._counts.limited(refused.reason.code)
        else:
            self._counts.wrong()
        seat.write(outgoing.frame(outgoing.error(session_id, at, refused.reason, refused.reply_to)))

    def _tell(self, ref: pykka.ActorRef[Any], message: object) -> None:
        try:
            ref.tell(message)
        except MailboxFull:
            raise Unavailable("draining", "This room is too busy just now; come back in a moment.") from None
        except pykka.ActorDeadError:
            raise Unavailable("draining", "The session is being moved; come back in a moment.") from None

    async def _part(self, seat: Seat, ref: pykka.ActorRef[Any], session_id: str, clean: bool) -> None:
        try:
            if not ref.is_alive():
                ref = await self._directory.find(session_id)
            ref.tell(Detach(seat, clean))
        except (Rejected, pykka.ActorDeadError, MailboxFull) as reason:
            # Its owner is then announced as left after the grace, by the rebuilt session.
            log.warning("a departure was not heard", session_id=session_id, reason=str(reason))


async def _first_message(inlet: Inlet, transport: asyncio.Transport) -> WSMessage:
    """The first frame that is a message, or the end; what keeps a connection alive may come before it.

    Raises:
        aiohttp.WebSocketError: the peer does not speak the protocol, or its message is not read to its end.
    """
    while True:
        try:
            frame: WSMessage = await inlet.read()
        except EofStream:
            return WSMessage(WSMsgType.CLOSED, None, None)
        if frame.type is WSMsgType.PING:
            if not transport.is_closing():
                transport.write(pong_frame(frame.data))
        elif frame.type is not WSMsgType.PONG:
            return frame


async def _until_closed(inlet: Inlet, transport: asyncio.Transport) -> None:
    """Wait for the answer to a close; the transport is cut off if none comes."""
    try:
        while not inlet.closed:
            await inlet.read()
    except EofStream:
        pass
    except WebSocketError:
        # To close while the peer still sends would take from it what it was told.
        await inlet.gone()
    transport.close()
