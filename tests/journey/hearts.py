"""A whole server whose clock tests move, and people with straps on real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from pydantic import SecretStr

from engine.app import running_server
from engine.domain.instant import HOUR, SECOND, iso
from engine.settings import Settings
from engine.storage.opening import database_of
from halcytone.client import LiveClient
from tests.fork_server import publisher
from tests.plain_http import plain_client
from tests.realtime.hand_clock import HandClock
from tests.realtime.inbox import Inbox

__all__ = ["KEY", "Person", "Room", "Wearer", "room_of_hearts"]

KEY = "the administrator's key"
_STEP = 4 * SECOND


class Person(LiveClient):
    """A client that keeps all it heard."""

    def __init__(self, http: aiohttp.ClientSession, url: str, client_id: str, **query: str) -> None:
        role, token = query.pop("role", "participant"), query.pop("token", None)
        self.inbox = Inbox()
        super().__init__(http, url, "hearts", role=role, token=token, on_message=self.inbox.hear)
        self.query |= {"client_id": client_id, **query}
        self.welcome: dict[str, Any] = {}

    async def until(self, kind: str, number: int = 1, **content: Any) -> dict[str, Any]:
        """See ``Inbox.until``."""
        return await self.inbox.until(kind, number, **content)

    async def settled(self) -> None:
        """See ``Inbox.settled``."""
        await self.inbox.settled(self.send)


@dataclass
class Wearer:
    """Somebody with a strap whose beats swing by ``calm`` ms in the baseline, and by ``deep`` ms after it."""

    client: Person
    calm: float
    deep: float

    @property
    def client_id(self) -> str:
        return str(self.client.welcome["client_id"])

    @property
    def headers(self) -> dict[str, str]:
        """What proves this person."""
        return {"Authorization": f"Bearer {self.client.welcome['resume']}"}

    def own(self) -> dict[str, Any]:
        """Their newest figures, as only they get them."""
        found = [message["content"] for message in self.client.inbox if message["type"] == "own_metrics"]
        return dict(found[-1])


@dataclass
class Room:
    """One session, ``hearts``, on a running server."""

    url: str
    data: Path
    clock: HandClock
    http: aiohttp.ClientSession
    api: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)
    wearers: list[Wearer] = field(default_factory=list)
    others: list[Person] = field(default_factory=list)
    second: int = 0

    async def create(self, **more: Any) -> None:
        body = {
            "session_id": "hearts",
            "title": "An evening of hearts",
            "instructor": "Willow",
            "scheduled_start": iso(self.clock.now()),
            **more,
        }
        made = await self.api.post("/api/v2/sessions/create", json=body)
        assert made.status_code == 201, made.text
        self.tokens = made.json()["tokens"]

    async def answer(self, address: str, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text of what is answered, by a client that asks a thousand times in half of the time of ``api``."""
        async with self.http.get(self.url + address, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(errors="replace")

    async def join(self, client_id: str, **query: str) -> Person:
        client = Person(self.http, self.url, client_id, **query)
        client.welcome = await client.connect()
        self.others.append(client)
        return client

    async def wear(
        self, client_id: str, calm: float, deep: float, *, group: bool = True, **query: str
    ) -> Wearer:
        """Somebody who joins with a strap and agrees."""
        client = await self.join(client_id, **query)
        self.others.remove(client)
        await client.command("yes", "consent", heart_rate=True, group=group, version="1")
        await client.until("ack", reply_to="yes")
        self.wearers.append(Wearer(client, calm, deep))
        return self.wearers[-1]

    async def lead(self, vouched: Iterable[Wearer]) -> Person:
        """The instructor comes, vouches for some, and starts."""
        leader = await self.join("leader", role="instructor", token=self.tokens["instructor"])
        for wearer in vouched:
            await leader.send("vouch", client_id=wearer.client_id, vouched=True)
        await leader.command("start", "start")
        await leader.until("ack", reply_to="start")
        return leader

    async def beat(self, seconds: int) -> None:
        """Let the hearts of everybody who is connected beat for a while."""
        until = self.clock.elapsed()
        for _ in range(seconds * SECOND // _STEP):
            here = [wearer for wearer in self.wearers if wearer.client.close_code is None]
            for wearer in here:
                swing = (wearer.calm if self.second < 185 else wearer.deep) / 2
                rr = [800 + (swing if beat % 2 else -swing) for beat in range(_STEP // 800)]
                await wearer.client.send("heart_rate", rr=rr)
            for client in (*(wearer.client for wearer in here), *self.others):
                await client.settled()
            self.second += _STEP // SECOND
            # The time that it took belongs to the step: beats keep pace with the clock on a busy machine too.
            until += _STEP
            self.clock.jump(max(0, until - self.clock.elapsed()))

    async def published(self, version: int) -> None:
        """Return once every channel of a version of the story is done."""
        async with asyncio.timeout(30):
            while True:
                rows = self.rows("SELECT channel, version, state FROM outbox WHERE channel <> 'schedule'")
                newest = {row[0]: row[1:] for row in sorted(map(tuple, rows), key=lambda row: row[1])}
                if newest and set(newest.values()) == {(version, "done")}:
                    return
                await asyncio.sleep(0.02)

    async def gone(self, said: bytes) -> None:
        """Return once no file of the data folder has these bytes: whoever reads may hold the log up for a moment."""
        async with asyncio.timeout(10):
            while True:
                if not any(said in content for content in self.on_disk().values()):
                    return
                await asyncio.sleep(0.1)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers, as tuples."""
        with database_of(self.data).connect() as database:
            return [tuple(dict(row).values()) for row in database.rows(query)]

    def stories(self) -> list[dict[str, Any]]:
        """Every stored version, oldest first."""
        return [json.loads(row[0]) for row in self.rows("SELECT document FROM snapshots ORDER BY version")]

    def artefacts(self) -> list[str]:
        """The files that tell of the session."""
        reply = ("public/sessions/", "public/feed", "public/index.html", "drafts/")
        return [name for name in self.on_disk() if name.startswith(reply)]

    def on_disk(self) -> dict[str, bytes]:
        """Every file of the data folder; one that is exchanged just now is missed."""
        found = {}
        for file in self.data.rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):
                found[str(file.relative_to(self.data))] = file.read_bytes()
        return found


@asynccontextmanager
async def room_of_hearts(data: Path, **setting: Any) -> AsyncIterator[Room]:
    """A server with its real publisher and an open session; its clock begins two hours ago."""
    clock = HandClock(start=time.time_ns() // 1_000_000 - 2 * HOUR)
    given: dict[str, Any] = {"port": 0, "data": data, "api_key": SecretStr(KEY), **setting}
    settings = Settings(**{"rate_requests_per_minute": 0, **given})
    async with (
        running_server(settings, clock, publisher=publisher(data)) as here,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        plain_client(base_url=here.url, headers={"Authorization": f"Bearer {KEY}"}) as api,
    ):
        room = Room(here.url, data, clock, http, api)
        await room.create()
        yield room
        for client in (*(wearer.client for wearer in room.wearers), *room.others):
            await client.close()
