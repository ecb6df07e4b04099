"""The people of the demonstration: 25 who take part, and one who leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from engine.clock import Clock
from engine.demo.beats import heart_of
from engine.demo.live_client import LiveClient, Message
from engine.demo.script import ANNOUNCEMENT, CONSENT_VERSION, END, HEARTBEAT, PLAN, START
from engine.domain.instant import SECOND, Millis

__all__ = ["Instructor", "NotRecovered", "Participant", "Room"]


class NotRecovered(Exception):
    """Somebody came back and was not handed what they had missed."""


class Room:
    """Where and when: the session's address, its tokens and the demonstration's clock."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, created: dict[str, Any], clock: Clock, began: Millis
    ) -> None:
        """``created`` is the server's answer to the session's creation; ``began`` the clock's first instant."""
        self.http = http
        self.url = url
        self.session_id: str = created["session_id"]
        self.tokens: dict[str, str] = created["tokens"]
        self.clock = clock
        self.began = began

    def elapsed(self) -> Millis:
        """Since the demonstration began."""
        return self.clock.now() - self.began

    async def until(self, instant: Millis) -> None:
        """Wait for an instant of the script."""
        await self.clock.sleep_until(self.began + instant)


class Participant:
    """Joins with a strap, agrees that it counts, breathes until the end."""

    def __init__(self, room: Room, number: int, name: str) -> None:
        self.name = name
        self.number = number
        self._room = room
        self._strap = heart_of(number)
        self.client = LiveClient(room.http, room.url, room.session_id, name=name)

    async def come(self, at: Millis) -> None:
        """Join at an instant of the script, and allow the strap to be used and counted."""
        await self._room.until(at)
        await self.client.connect()
        await self.client.send("consent", heart_rate=True, group=True, version=CONSENT_VERSION)

    async def breathe(self) -> None:
        """Send each second's beats as they fall, until the session ends."""
        room, on_since = self._room, self._room.elapsed()
        while not self.client.over.is_set():
            self.client.check()
            await room.until(room.elapsed() + SECOND)
            if beats := self._strap.until(room.elapsed() - on_since):
                await self.client.send("heart_rate", rr=beats, contact=True)

    async def lose_the_connection(self, at: Millis, back: Millis) -> None:
        """Vanish without a goodbye, and come back to one's place.

        Raises:
            NotRecovered: the server did not hand out what was missed.
        """
        await self._room.until(at)
        await self.client.drop()
        await self._room.until(back)
        welcome = await self.client.connect()
        if not welcome["recovered"]:
            raise NotRecovered(f"{self.name} came back and the gap was not filled")

    async def say(self, rating: int, comment: str | None, quotable: bool) -> None:
        """Give feedback on the whole session."""
        words = (
            {}
            if comment is None
            else {"comment": comment, "publish_quote": quotable, "publish_name": quotable}
        )
        await self.client.send("session_feedback", rating=rating, **words)


class Instructor:
    """Leads the session as planned."""

    def __init__(self, room: Room, on_message: Callable[[Message], None]) -> None:
        self._room = room
        self.client = LiveClient(
            room.http,
            room.url,
            room.session_id,
            role="instructor",
            token=room.tokens["instructor"],
            on_message=on_message,
        )

    async def vouch_for(self, participants: list[Participant]) -> None:
        """Say of each that a person sits there: only then does a strap count in the group."""
        for participant in participants:
            await self.client.send("vouch", client_id=participant.client.client_id, vouched=True)

    async def stay(self) -> None:
        """Be heard of often enough, until the session ends."""
        while not self.client.over.is_set():
            self.client.check()
            await self.client.send("heartbeat")
            await self._room.until(self._room.elapsed() + HEARTBEAT)

    async def lead(self) -> None:
        """Start, announce, lead each technique, and end, at the instants of the script."""
        await self._room.until(START)
        await self.client.send("start")
        at, title, message = ANNOUNCEMENT
        await self._room.until(at)
        await self.client.send("announce", title=title, message=message)
        for practice in PLAN:
            await self._room.until(practice.at)
            await self.client.send(
                "change_technique",
                technique=practice.technique,
                duration=practice.duration,
                instruction=practice.instruction,
            )
        await self._room.until(END)
        await self.client.send("end")
