"""The simulated people of the demonstration: 25 participants and an instructor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from engine.clock import Clock
from engine.demo.beats import strap_of
from engine.demo.script import ANNOUNCEMENT, CONSENT_VERSION, END, HEARTBEAT, PLAN, START
from engine.domain.instant import SECOND, Millis
from halcytone.client import LiveClient, Message

__all__ = ["Instructor", "NotRecovered", "Participant", "Scene"]


class NotRecovered(Exception):
    """A participant reconnected and did not get what they had missed."""


class Scene:
    """What every simulated person needs: the session's address and tokens, and the demonstration's clock."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, created: dict[str, Any], clock: Clock, began: Millis
    ) -> None:
        """``created`` is the response to the session's creation; ``began`` the first instant of the script."""
        self.http = http
        self.url = url
        self.session_id: str = created["session_id"]
        self.tokens: dict[str, str] = created["tokens"]
        self.clock = clock
        self.began = began

    def elapsed(self) -> Millis:
        """Time since the script began."""
        return self.clock.now() - self.began

    async def until(self, instant: Millis) -> None:
        """Return at an instant of the script."""
        await self.clock.sleep_until(self.began + instant)


class Participant:
    """Joins with a strap, consents that it counts, and sends beats until the end."""

    def __init__(self, scene: Scene, number: int, name: str) -> None:
        self.name = name
        self.number = number
        self._scene = scene
        self._strap = strap_of(number)
        self.client = LiveClient(scene.http, scene.url, scene.session_id, name=name)

    async def join(self, at: Millis) -> None:
        """Join at an instant of the script, and consent to the strap's use, alone and in the group."""
        await self._scene.until(at)
        await self.client.connect()
        await self.client.send("consent", heart_rate=True, group=True, version=CONSENT_VERSION)

    async def send_beats(self) -> None:
        """Send each second's beats as they fall, until the session ends."""
        scene, on_since = self._scene, self._scene.elapsed()
        while not self.client.over.is_set():
            self.client.check()
            await scene.until(scene.elapsed() + SECOND)
            if beats := self._strap.until(scene.elapsed() - on_since):
                await self.client.send("heart_rate", rr=beats, contact=True)

    async def lose_the_connection(self, at: Millis, back: Millis) -> None:
        """Lose the connection without a close frame, and resume the place at ``back``.

        Raises:
            NotRecovered: the server did not send what was missed.
        """
        await self._scene.until(at)
        await self.client.drop()
        await self._scene.until(back)
        welcome = await self.client.connect()
        if not welcome["recovered"]:
            raise NotRecovered(f"{self.name} came back and the gap was not filled")

    async def give_feedback(self, rating: int, comment: str | None, quotable: bool) -> None:
        """Give feedback on the whole session."""
        comments = (
            {}
            if comment is None
            else {"comment": comment, "publish_quote": quotable, "publish_name": quotable}
        )
        await self.client.send("session_feedback", rating=rating, **comments)


class Instructor:
    """Leads the session as planned."""

    def __init__(self, scene: Scene, on_message: Callable[[Message], None]) -> None:
        self._scene = scene
        self.client = LiveClient(
            scene.http,
            scene.url,
            scene.session_id,
            role="instructor",
            token=scene.tokens["instructor"],
            on_message=on_message,
        )

    async def vouch_for(self, participants: list[Participant]) -> None:
        """Confirm of each that a person wears the strap: only then does it count in the group."""
        for participant in participants:
            await self.client.send("vouch", client_id=participant.client.client_id, vouched=True)

    async def send_heartbeats(self) -> None:
        """Keep the connection alive until the session ends."""
        while not self.client.over.is_set():
            self.client.check()
            await self.client.send("heartbeat")
            await self._scene.until(self._scene.elapsed() + HEARTBEAT)

    async def lead(self) -> None:
        """Start, announce, lead each technique, and end, at the instants of the script."""
        await self._scene.until(START)
        await self.client.send("start")
        at, title, message = ANNOUNCEMENT
        await self._scene.until(at)
        await self.client.send("announce", title=title, message=message)
        for practice in PLAN:
            await self._scene.until(practice.at)
            await self.client.send(
                "change_technique",
                technique=practice.technique,
                duration=practice.duration,
                instruction=practice.instruction,
            )
        await self._scene.until(END)
        await self.client.send("end")
