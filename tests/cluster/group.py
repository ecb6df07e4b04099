"""The people of the demonstration, in one session at the pace of a real clock, each back by itself when cut off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import aiohttp

from engine.demo.beats import strap_of
from engine.demo.script import CONSENT_VERSION, NAMES
from halcytone.client import LiveClient, Message, Refused

__all__ = ["Group", "Person"]

_BEATS_EVERY_S = 1.0
_RETURN_AFTER_S = 0.2


class Person:
    """A live socket that is opened again whenever it ends, and everything that came over it."""

    def __init__(self, client: LiveClient) -> None:
        self.client = client
        self.by_seq: dict[int, str] = {}
        """What kind each numbered message was."""
        self.acknowledged: set[str] = set()
        self.titles: list[str] = []
        self.epochs: set[str] = set()
        self.returns: list[bool] = []
        """Whether each return brought everything that was missed."""
        self.live_at = 0.0
        """When the newest welcome came, by the monotonic clock."""
        self.codes: list[int] = []
        self.over = False

    def hear(self, message: Message) -> None:
        """Take one message."""
        if message["type"] == "ack":
            self.acknowledged.add(str(message["reply_to"]))
        elif message.get("seq") is not None and "epoch" in message:
            self.by_seq[message["seq"]] = message["type"]
            if title := message["content"].get("title"):
                self.titles.append(title)

    async def stay(self) -> None:
        """Be there until the session is over."""
        while True:
            with contextlib.suppress(Refused, aiohttp.ClientError, TimeoutError, TypeError):
                first = not self.epochs
                async with asyncio.timeout(5):
                    welcome = await self.client.connect()
                self.live_at = time.monotonic()
                self.epochs.add(welcome["epoch"])
                if not first:
                    self.returns.append(bool(welcome["recovered"]))
                code = await self.client.closed()
                self.codes.append(code)
                if code == 1000:
                    self.over = True
                    return
            await asyncio.sleep(_RETURN_AFTER_S)


class Group:
    """25 participants with recorded heartbeats, and their instructor."""

    def __init__(self, http: aiohttp.ClientSession, url: str, session_id: str, token: str) -> None:
        self.people = [self._person(http, url, session_id, name=name) for name in NAMES]
        self.instructor = self._person(http, url, session_id, role="instructor", token=token)
        self._tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def _person(http: aiohttp.ClientSession, url: str, session_id: str, **facts: Any) -> Person:
        heard: list[Person] = []
        person = Person(LiveClient(http, url, session_id, on_message=lambda m: heard[0].hear(m), **facts))
        heard.append(person)
        return person

    @property
    def everybody(self) -> list[Person]:
        """The participants and the instructor."""
        return [*self.people, self.instructor]

    async def come(self) -> None:
        """Connect everybody; returns when all are welcome."""
        self._tasks = [asyncio.create_task(each.stay()) for each in self.everybody]
        await self.until(lambda: all(each.live_at for each in self.everybody))
        for each in self.people:
            await each.client.send("consent", heart_rate=True, group=True, version=CONSENT_VERSION)
        self._tasks += [asyncio.create_task(self._beat(number)) for number in range(len(self.people))]

    async def say(self, words: int, start: int) -> None:
        """Announce so many things, one after the other, each told again until it is acknowledged."""
        for number in range(start, start + words):
            while str(number) not in self.instructor.acknowledged:
                await self.instructor.client.command(
                    str(number), "announce", title=f"Word {number}", message="Breathe on"
                )
                with contextlib.suppress(TimeoutError):
                    await self.until(lambda n=number: str(n) in self.instructor.acknowledged, 1.0)
            await asyncio.sleep(0.1)

    async def until(self, fact: Any, within: float = 30.0) -> None:
        """Return once something is so.

        Raises:
            TimeoutError: it took longer.
        """
        async with asyncio.timeout(within):
            while not fact():  # noqa: ASYNC110 — twenty-six sockets, and one that looks at all of them
                await asyncio.sleep(0.02)

    async def leave(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _beat(self, number: int) -> None:
        strap, began = strap_of(number), time.monotonic()
        while True:
            await asyncio.sleep(_BEATS_EVERY_S)
            beats = strap.until(int((time.monotonic() - began) * 1000))
            if beats:
                await self.people[number].client.send("heart_rate", rr=beats, contact=True)
