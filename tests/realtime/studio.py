"""A live engine without HTTP: real sockets on loopback, a real journal, a clock that tests move.

Its clients are not ``halcytone.client``: tests of the wire must send what that client never sends (messages of wrong shape,
ids of others, secrets in the address), and see holes in the numbers, over which that client closes its connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from prometheus_client import CollectorRegistry

from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.session import Details, Presence, Role, Session
from engine.protocol.connection import Limits
from engine.protocol.tokens import Tokens
from engine.realtime.admission import Admission
from engine.realtime.allowances import Allowances
from engine.realtime.authorization import SocketAuthorization
from engine.realtime.event_socket import EventSockets
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.leading_sockets import LeadingSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.live_socket import LiveSockets
from engine.realtime.open_sockets import OpenSockets
from engine.realtime.room import Room
from engine.realtime.tick import Tick
from engine.sessions.directory import Directory
from engine.sessions.messages import SeatClaim, View
from engine.sessions.ports import Ownership
from engine.storage.keys import Keys
from engine.storage.opening import database_of
from engine.storage.rooms import Rooms
from engine.storage.sqlite_journal import SqliteJournal
from tests.realtime.hand_clock import HandClock
from tests.realtime.inbox import Inbox
from tests.storage.empty_tables import give_tables

KEY = "a-key-for-tests"
DAY: Millis = 24 * 60 * 60 * 1000


@dataclass
class Client:
    """A live socket and everything that came over it."""

    ws: aiohttp.ClientWebSocketResponse
    welcome: dict[str, Any]
    inbox: Inbox = field(default_factory=Inbox)
    task: asyncio.Task[None] | None = None

    async def send(self, kind: str, data: Any = None, **outer: Any) -> None:
        await self.ws.send_str(
            json.dumps({"type": kind, **({} if data is None else {"data": data}), **outer})
        )

    async def until(self, kind: str, number: int = 1, **content: Any) -> dict[str, Any]:
        """See ``Inbox.until``."""
        return await self.inbox.until(kind, number, **content)

    async def closed(self) -> int | None:
        assert self.task is not None
        async with asyncio.timeout(8):
            await self.task
        return self.ws.close_code

    async def settled(self) -> None:
        """See ``Inbox.settled``."""
        await self.inbox.settled(self.send)

    def numbers(self) -> list[int]:
        return [message["seq"] for message in self.inbox if "epoch" in message and "seq" in message]

    def drop(self) -> None:
        """Lose the network."""
        transport = self.ws.get_extra_info("socket")
        assert transport is not None
        self.ws._response.connection.transport.abort()  # type: ignore[union-attr]

    async def leave(self) -> None:
        await self.ws.close()


class Refused(Exception):
    """The server said no: its error message, and the close code."""

    def __init__(self, error: dict[str, Any], code: int | None) -> None:
        super().__init__(error)
        self.error, self.code = error, code


class Studio:
    """One server process, as far as sockets see it."""

    def __init__(self, data: Path, clock: HandClock, session: aiohttp.ClientSession) -> None:
        self.data, self.clock, self.http = data, clock, session
        self.ids = count(1)
        self.stories: list[str] = []
        self.clients: list[Client] = []

    async def open(
        self,
        journal: Any = None,
        limits: Limits | None = None,
        take: Callable[[str, Millis], Millis] = lambda address, at: 0,
        seats: int = 0,
        ownership: Ownership | None = None,
    ) -> None:
        """``take`` counts the connections of an address; ``seats`` is how many it has in a session, 0 for no limit.

        What stands in ``X-From`` is taken for the address.
        """
        give_tables(self.data)
        database = database_of(self.data)
        loop = asyncio.get_running_loop()
        self.keys = Keys(database)
        self.keys.ensure_administrator(KEY, self.clock.now())
        self.registry = CollectorRegistry()
        metrics = LiveMetrics(self.registry)
        self.journal = journal or SqliteJournal(database, loop, metrics.committed)
        self.draining = False
        self.rooms = Rooms(database)
        self.tokens = Tokens(b"0" * 32)
        self.directory = Directory(
            journal=self.journal,
            rooms=self.rooms,
            clock=self.clock,
            make_room=lambda: Room(Tick(metrics)),
            counts=metrics,
            new_id=lambda: f"00000000-0000-4000-8000-{next(self.ids):012d}",
            publication_queued=self.stories.append,
            channels=("web", "email", "social", "analytics"),
            ownership=ownership,
        )
        handshake = HandshakeChecks(
            clock=self.clock,
            public_url="http://studio.example",
            address_of=lambda request: request.remote or "",
            take_connection=take,
            draining=lambda: self.draining,
        )
        limits = limits or Limits()
        new = count(1)
        self.authorization = authorization = SocketAuthorization(
            self.keys, self.tokens, self.directory, self.clock
        )
        leading = LeadingSockets(authorization, self.clock)
        self.sockets = OpenSockets(self.clock, metrics)
        admission = Admission(
            directory=self.directory,
            clock=self.clock,
            authorization=authorization,
            allowances=Allowances(limits),
            metrics=metrics,
            new_id=lambda: f"{next(new):032x}"[::-1],
            welcome_fields=lambda session_id: {},
            seat_claim=lambda request: (
                SeatClaim(request.headers.get("X-From", "here"), seats) if seats else None
            ),
        )
        self.live = LiveSockets(
            handshake=handshake,
            admission=admission,
            limits=limits,
            leading=leading,
            sockets=self.sockets,
            directory=self.directory,
            clock=self.clock,
            metrics=metrics,
        )
        self.events = EventSockets(
            directory=self.directory,
            clock=self.clock,
            authorization=authorization,
            leading=leading,
            handshake=handshake,
            limits=limits,
            metrics=metrics,
        )
        app = web.Application()
        app.router.add_get("/ws/live-updates", self.live.serve)
        app.router.add_get("/ws/session/{session_id}/events", self.events.serve)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        await self.directory.open()

    async def close(self) -> None:
        for client in self.clients:
            if not client.ws.closed:
                client.drop()
            if client.task is not None:
                await asyncio.gather(client.task, return_exceptions=True)
        self.clients.clear()
        await self.directory.close()
        await self.runner.cleanup()
        await self.journal.close()
        self.rooms.close()
        self.keys.close()

    async def restart(self, **options: Any) -> None:
        await self.close()
        await self.open(**options)

    async def create(self, session_id: str = "s", **details: Any) -> None:
        given = {"title": "Morning", "instructor": "Ada", "scheduled_start": self.clock.now(), **details}
        await self.directory.create(session_id, Details(**given))

    def token(self, role: str, session_id: str = "s") -> str:
        return self.tokens.issue(session_id, Role(role), self.clock.now() + DAY)

    async def lost(self, client: Client, session_id: str = "s") -> None:
        """Cut a client's connection, and return once the server has noticed."""
        client.drop()
        await client.closed()
        async with asyncio.timeout(5):
            while True:
                view = await self.directory.view(session_id)
                assert view is not None
                if view.state.members[client.welcome["client_id"]].presence is not Presence.PRESENT:
                    return
                await asyncio.sleep(0.005)

    async def join(
        self, client_id: str | None = None, *, key: bool = False, address: str = "here", **query: Any
    ) -> Client:
        asked = {"session_id": "s", "client_id": client_id, **query}
        headers = {"X-From": address, **({"Authorization": f"Bearer {KEY}"} if key else {})}
        ws = await self.http.ws_connect(
            f"http://127.0.0.1:{self.port}/ws/live-updates",
            params={name: str(value) for name, value in asked.items() if value is not None},
            headers=headers,
            autoping=True,
            max_msg_size=0,
        )
        first = await ws.receive(timeout=5)
        message = json.loads(first.data)
        if message["type"] != "welcome":
            closing = await ws.receive(timeout=5)
            assert closing.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING), closing
            raise Refused(message, ws.close_code)
        client = Client(ws, message)
        client.task = asyncio.create_task(self._pump(client))
        self.clients.append(client)
        return client

    async def turned_away(self, client_id: str | None = None, **query: Any) -> Refused:
        """The refusal of a join."""
        with pytest.raises(Refused) as refusal:
            await self.join(client_id, **query)
        return refusal.value

    async def state(self, session_id: str = "s") -> Session:
        """What is durable of a session."""
        view = await self.directory.view(session_id)
        assert view is not None
        return view.state

    async def command(self, command: c.Command, session_id: str = "s", **more: Any) -> View:
        """A command from elsewhere than a socket."""
        return await self.directory.ask(session_id, command, c.Sender(Role.ADMIN), **more)

    async def _pump(self, client: Client) -> None:
        while True:
            frame = await client.ws.receive()
            if frame.type is not WSMsgType.TEXT:
                return
            client.inbox.hear(json.loads(frame.data))


@asynccontextmanager
async def running(data: Path, **options: Any) -> AsyncIterator[Studio]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        studio = Studio(data, HandClock(), session)
        await studio.open(**options)
        try:
            yield studio
        finally:
            await studio.close()
