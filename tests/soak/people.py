"""Those who fill the room: they breathe, chat, come and go, and come back whatever happens to the server."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Any

import aiohttp

from engine.demo.beats import strap_of
from engine.domain.instant import SECOND
from halcytone.client import LiveClient, Refused
from tests.soak.pace import Pace

__all__ = ["Crowd"]

_MANY = 24
_BEAT_EVERY = 5 * SECOND
_LOST = (aiohttp.ClientError, ConnectionError, OSError)


class _Seat:
    """A connection that is taken again whenever it is lost, until the session is over or its owner leaves."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, session_id: str, pace: Pace, **who: Any
    ) -> None:
        self._pace = pace
        self.client = LiveClient(http, url, session_id, **who)

    async def come(self) -> None:
        """Join, or return; tried until there is a server."""
        while True:
            try:
                with contextlib.suppress(*_LOST):
                    await self.client.connect()
                    return
            except Refused as refused:
                if self.client.over.is_set():
                    # It ended while this one was out of reach.
                    return
                # A server that ends or has just started asks to come back.
                if refused.args[0]["content"]["code"] not in ("draining", "unavailable"):
                    raise
            await asyncio.sleep(0.2)

    async def stay(self) -> None:
        """Be heard of, and come back, until the end."""
        while not self.client.over.is_set():
            if self.client.close_code is not None:
                await asyncio.sleep(0.1)
                await self.come()
                await self.back()
            await self.tell()
            await self._pace.until(self._pace.now() + _BEAT_EVERY)

    async def back(self) -> None:
        """What has to be said again after a return."""

    async def tell(self) -> None:
        """What is said every five seconds."""
        await self.client.send("heartbeat")


class Person(_Seat):
    """With a strap, with something to say, now and then out of reach."""

    def __init__(self, number: int, *rest: Any, **who: Any) -> None:
        super().__init__(*rest, name=f"Guest {number}", **who)
        self._strap = strap_of(number % 24)
        self._since = self._pace.now()
        self._random = Random(number)

    async def come(self) -> None:
        await super().come()
        await self.back()

    async def back(self) -> None:
        await self.client.send("consent", heart_rate=True, group=True, version="soak")

    async def tell(self) -> None:
        beats = self._strap.until(self._pace.now() - self._since)
        if beats:
            await self.client.send("heart_rate", rr=beats, contact=True)
        else:
            await super().tell()
        if self._random.random() < 0.05:
            await self.client.send("chat", message=f"A line of {self._random.randrange(10**6)}.")


class Leader(_Seat):
    """The instructor, from a program of their own; commands are tried until they are durable."""

    async def lead(self, kind: str, **data: Any) -> None:
        """Give a command."""
        if self.client.close_code is not None:
            await self.come()
        await self.client.send(kind, **data)


class Crowd:
    """An instructor and those who come; half of them change."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, session_id: str, pace: Pace, token: str
    ) -> None:
        """``token`` is the instructor's."""
        self._where = (http, url, session_id, pace)
        self._leader = Leader(*self._where, role="instructor", token=token)
        self._people: list[Person] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self) -> None:
        """Everybody comes, says enough for every list to be full, and half of them are vouched for."""
        await self._leader.come()
        self._tasks.append(asyncio.create_task(self._leader.stay()))
        self._people = [await self._come(number) for number in range(_MANY)]
        for person in self._people[: _MANY // 2]:
            await self.lead("vouch", client_id=person.client.client_id, vouched=True)
        for person in self._people:
            # In all more than the pages keep.
            for line in range(10):
                await person.client.send("chat", message=f"Hello {line}")

    async def change(self) -> None:
        """Those who are not vouched for leave, and as many others come."""
        half = _MANY // 2
        for person in self._people[half:]:
            await person.client.close()
            person.client.over.set()
        self._people[half:] = [await self._come(_MANY + number) for number in range(half)]

    async def lead(self, kind: str, **data: Any) -> None:
        """The instructor's commands."""
        await self._leader.lead(kind, **data)

    def disperse(self) -> None:
        """Everybody goes.

        Raises:
            Exception: what went wrong for one of them on the way.
        """
        for task in self._tasks:
            if task.done():
                task.result()
            task.cancel()

    async def _come(self, number: int) -> Person:
        person = Person(number, *self._where)
        await person.come()
        self._tasks.append(asyncio.create_task(person.stay()))
        return person
