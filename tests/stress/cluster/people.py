"""The sessions of a storm over several servers: who is in them, what they say, and where they come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.journey.server import KEY
from tests.stress.client import Client, Tally
from tests.stress.cluster.servers import StudioServer
from tests.stress.logs import Faults, RoomLog

__all__ = ["Room", "say_until"]

_AGAIN_AFTER_S = 1.5
_WORD_EVERY_S = 0.25
_CHAT_EVERY_S = 0.4


@dataclass(eq=False)
class Room:
    """One session: its instructor, and people of whom some left an address."""

    session_id: str
    doors: Callable[[], list[StudioServer]]
    tally: Tally
    faults: Faults
    dice: Random
    people: list[Client] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    ended: bool = False
    """Its end was acknowledged."""
    ending: bool = False
    _markers: int = 0
    _life: int = 0

    def __post_init__(self) -> None:
        self.log = RoomLog(self.session_id, self.faults)
        self.instructor = self.client("Willow", KEY)

    @property
    def everybody(self) -> list[Client]:
        """The instructor, and the people."""
        return [self.instructor, *self.people]

    def client(self, name: str, token: str | None = None) -> Client:
        """Somebody who comes in through any server that is open, another one each time."""
        return Client(self._port, self.log, self.tally, name, self.dice, token=token)

    def _port(self) -> int:
        doors = self.doors()
        if not doors:
            raise OSError("nobody is open")
        return self.dice.choice(doors).port

    def begin_anew(self, people: int) -> None:
        """Nothing that was told so far counts: everybody is somebody else from here on."""
        for client in self.everybody:
            client.stays_away = True
            client.drop()
        self._life += 1
        self.log.faults = Faults()
        self.log = RoomLog(self.session_id, self.faults)
        self.instructor = self.client("Willow", KEY)
        self.people = [self.client(f"Person {self._life}.{n}") for n in range(people)]

    def marker(self, kind: str) -> str:
        """A name that no other command of this session has."""
        self._markers += 1
        return f"{kind} {self._life}.{self._markers}"

    async def talk(self) -> None:
        """Announce and chat until the session is over; an announcement is sent again until it is acknowledged."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._announce())
            both.create_task(self._chat())

    async def _announce(self) -> None:
        while not self.ending:
            life, marker = self._life, self.marker("word")
            data = {"title": marker, "message": "…"}
            await say_until(self, "announce", marker, data, partial(self._is_past, life))
            await asyncio.sleep(_WORD_EVERY_S)

    def _is_past(self, life: int) -> bool:
        return self.ending or life != self._life

    async def _chat(self) -> None:
        while not self.ending:
            if self.people:
                marker = self.marker("chat")
                self.dice.choice(self.people).say("chat", marker, {"message": marker})
            await asyncio.sleep(_CHAT_EVERY_S)

    async def end(self) -> None:
        """Say that the session is over, until that is acknowledged and everybody was told."""
        self.ending = True
        marker = self.marker("end")
        await say_until(self, "end", marker, {}, lambda: self.instructor.stays_away)
        async with asyncio.timeout(60):
            while not all(client.stays_away for client in self.everybody):  # noqa: ASYNC110 — their sockets say so
                await asyncio.sleep(0.05)
        self.ended = True


async def say_until(
    room: Room, kind: str, marker: str, data: dict[str, Any], given_up: Callable[[], bool] = lambda: False
) -> None:
    """Send a command again and again until it is acknowledged."""
    loop, log = asyncio.get_running_loop(), room.log
    log.repeated.add(marker)
    again_at = 0.0
    while marker not in log.acknowledged and not given_up():
        if loop.time() >= again_at and room.instructor.here:
            again_at = loop.time() + _AGAIN_AFTER_S
            room.instructor.say(kind, marker, data)
        await asyncio.sleep(0.02)
