"""Rooms of people who come back by themselves, and when each of them has heard what was said after a fault.

The people are those of the storm: they keep their place as the protocol says, and complain of every hole, double and
change of epoch. After a lost connection they come back within 0.2 s, after a refusal within half a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import psycopg

from bench import halcytone
from tests.stress.client import Client, Tally
from tests.stress.logs import Faults, Message, RoomLog

__all__ = ["Crowd", "crowd", "share_within"]

_COMING_AT_ONCE = 40
_TALK_EVERY_S = 1.0
_TECHNIQUE = {"technique": "Box Breathing", "duration": 3600}


def share_within(seconds: Sequence[float], share: float) -> float:
    """The smallest of the times within which at least ``share`` of all came."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class _Person(Client):
    """Somebody who tells the room when the server lets them in, and what they hear."""

    def __init__(self, room: _Room, port: int, tally: Tally, name: str, token: str | None = None) -> None:
        super().__init__(lambda: port, room.log, tally, name, room.dice, token=token)
        self._room = room

    def _take_place(self, visit: Any, welcome: Message) -> None:
        super()._take_place(visit, welcome)
        self._room.welcomed(self, welcome)

    def _number(self, message: Message) -> None:
        super()._number(message)
        self._room.heard(self, message)


class _Room:
    """One live session: its instructor, and the people."""

    def __init__(self, session_id: str, port: int, size: int, tally: Tally, faults: Faults) -> None:
        self.log = RoomLog(session_id, faults)
        self.dice = Random(session_id)
        self.instructor = _Person(self, port, tally, "Willow", halcytone.KEY)
        self.people = [_Person(self, port, tally, f"Person {number}") for number in range(1, size)]
        self.word = ""
        """What everybody is to hear; said again at each return of the instructor until it is acknowledged."""
        self.heard_at: dict[str, float] = {}
        """When it was heard, by name."""
        self.other_pacers = 0
        """Welcomes whose technique is not the one that the room began with."""
        self._technique: Any = None
        self._said = 0

    @property
    def everybody(self) -> list[_Person]:
        """The instructor and the people."""
        return [self.instructor, *self.people]

    def say(self, word: str, *, at_return: bool = False) -> None:
        """Have everybody hear a word: now, or once the instructor is back from where it is closed."""
        self.word, self.heard_at = word, {}
        self.log.repeated.add(word)
        if not at_return:
            self._say_again()

    def talk(self) -> None:
        """Say something that nobody waits for."""
        self._said += 1
        marker = f"talk {self._said}"
        self.instructor.say("announce", marker, {"title": marker, "message": "…"})

    def welcomed(self, who: _Person, welcome: Message) -> None:
        """The server let somebody in."""
        if who is self.instructor:
            # The line counts as open once the welcome was taken.
            asyncio.get_running_loop().call_soon(self._say_again)
        elif self._technique is None:
            self._technique = welcome["technique"]
        elif welcome["technique"] != self._technique:
            self.other_pacers += 1

    def heard(self, who: _Person, message: Message) -> None:
        """Somebody was told something."""
        if self.word and message.get("content", {}).get("title") == self.word:
            self.heard_at.setdefault(who.name, time.monotonic())

    def _say_again(self) -> None:
        if self.word and self.word not in self.log.acknowledged:
            self.instructor.say("announce", self.word, {"title": self.word, "message": "…"})


class Crowd:
    """Rooms with everybody in them, who talk once a second."""

    def __init__(self, name: str, port: int, rooms: int, size: int) -> None:
        self.tally, self.faults = Tally(), Faults()
        self.tally.server_is_up.set()
        self._port = port
        self.rooms = [
            _Room(f"{name}-{number}", port, size, self.tally, self.faults) for number in range(rooms)
        ]

    @property
    def everybody(self) -> list[_Person]:
        """The people of all rooms, and their instructors."""
        return [each for room in self.rooms for each in room.everybody]

    async def come(self) -> None:
        """Make the sessions, begin a technique in each, and let everybody in."""
        await asyncio.to_thread(self._make)
        await self._let_in([room.instructor for room in self.rooms])
        for room in self.rooms:
            room.instructor.say("change_technique", "technique", _TECHNIQUE)
        async with asyncio.timeout(60):
            while not all("technique" in room.log.acknowledged for room in self.rooms):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await self._let_in([each for room in self.rooms for each in room.people])

    def _make(self) -> None:
        api = halcytone.Api(self._port)
        for room in self.rooms:
            api.create(room.log.session_id, 100)

    async def _let_in(self, people: Sequence[_Person]) -> None:
        door = asyncio.Semaphore(_COMING_AT_ONCE)

        async def one(who: _Person) -> None:
            async with door:
                await who.come()

        await asyncio.gather(*(one(who) for who in people))

    async def talk(self) -> None:
        """Let every room say something each second, the rooms in turn, for as long as this runs."""
        while True:
            for room in self.rooms:
                room.talk()
                await asyncio.sleep(_TALK_EVERY_S / len(self.rooms))

    def say(self, word: str, *, at_return: bool = False) -> None:
        """Have everybody in every room hear a word: now, or once their instructor is back from where it is closed."""
        for room in self.rooms:
            room.say(word, at_return=at_return)

    async def all_heard(self, within: float) -> list[float]:
        """When each of them had heard it, by the monotonic clock, in order.

        Raises:
            RuntimeError: somebody did not, within so many seconds.
        """
        until = time.monotonic() + within
        while (missing := sum(len(room.everybody) - len(room.heard_at) for room in self.rooms)) > 0:
            if time.monotonic() > until:
                raise RuntimeError(f"{missing} people are not back after {within:.0f} s: {self._missing()}")
            await asyncio.sleep(0.02)
        return sorted(at for room in self.rooms for at in room.heard_at.values())

    def _missing(self) -> str:
        away = sum(not who.here for who in self.everybody)
        leaders = sum(not room.instructor.here for room in self.rooms)
        said = f"{away} have no socket, {leaders} of them instructors; refused {dict(self.tally.refusals)}"
        return f"{said}, closed {dict(self.tally.codes)}; {self.faults.shown[-3:]}"

    async def check(self, url: str) -> None:
        """Everybody hears a last word, and has heard everything before it; the database has what was acknowledged.

        Raises:
            RuntimeError: something was lost, came twice, or began anew.
        """
        self.say("the last word")
        await self.all_heard(60)
        wrong = list(self.faults.shown)
        if self.tally.started_anew:
            wrong.append(f"{self.tally.started_anew} people were not brought what they missed")
        if changed := sum(room.other_pacers for room in self.rooms):
            wrong.append(f"{changed} people came back to another pacer")
        wrong += await asyncio.to_thread(self._not_kept, url)
        if wrong:
            raise RuntimeError("; ".join(wrong[:5]))

    def _not_kept(self, url: str) -> list[str]:
        told = {
            (room.log.session_id, seq): marker
            for room in self.rooms
            for marker, (_, seq) in room.log.acknowledged.items()
        }
        with psycopg.connect(url) as connection:
            kept = set(
                connection.execute("SELECT session_id, seq FROM journal WHERE seq IS NOT NULL").fetchall()
            )
        return [f"{where} ({told[where]}) was acknowledged and is not there" for where in told.keys() - kept]

    async def leave(self) -> None:
        """Everybody is gone, without a word."""
        for who in self.everybody:
            who.stays_away = True
            if who.line is not None:
                who.line.drop()
        await asyncio.sleep(0)


@asynccontextmanager
async def crowd(name: str, port: int, rooms: int, size: int) -> AsyncIterator[Crowd]:
    """A crowd that is there and talks until the block ends."""
    gathered = Crowd(name, port, rooms, size)
    await gathered.come()
    talking = asyncio.create_task(gathered.talk())
    try:
        await asyncio.sleep(_TALK_EVERY_S)
        yield gathered
    finally:
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
        await gathered.leave()
