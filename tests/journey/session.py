"""What the journeys do again and again: make a session, keep a log of it, read its page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from halcytone.client import Message
from tests.journey.server import asked

__all__ = ["Log", "created", "published_page"]


class Log:
    """What one client received; ``add`` is its listener."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.by_seq: dict[int, Message] = {}
        """The numbered messages, by their number."""
        self.acknowledged: dict[str, int] = {}
        """The number that each acknowledged command got."""
        self._grew = asyncio.Event()

    def add(self, message: Message) -> None:
        self.kinds.append(message["type"])
        if message["type"] == "ack":
            self.acknowledged[message["reply_to"]] = message["seq"]
        elif message.get("seq") is not None and "epoch" in message:
            self.by_seq[message["seq"]] = message
        self._grew.set()
        self._grew.clear()

    async def until(self, enough: Callable[[Log], bool]) -> None:
        """Wait for what the client should receive.

        Raises:
            TimeoutError: it took more than 20 seconds.
        """
        async with asyncio.timeout(20):
            while not enough(self):
                await self._grew.wait()


async def created(http: aiohttp.ClientSession, url: str, session_id: str, **more: Any) -> dict[str, Any]:
    """A session that can be joined at once; answers what the server said of it."""
    body = {
        "session_id": session_id,
        "title": f"The journey of {session_id}",
        "scheduled_start": datetime.now(UTC).isoformat(),
        "instructor": "Willow",
        **more,
    }
    return await asked(http, "POST", f"{url}/api/v2/sessions/create", 201, body)


async def published_page(http: aiohttp.ClientSession, url: str, session_id: str) -> str:
    """The session's page, once its publication is done.

    Raises:
        TimeoutError: that took more than 30 seconds.
    """
    async with asyncio.timeout(30):
        while True:
            async with http.get(f"{url}/feed.xml") as feed:
                if f"/sessions/{session_id}/" in await feed.text():
                    break
            await asyncio.sleep(0.05)
    async with http.get(f"{url}/sessions/{session_id}/") as page:
        assert page.status == 200
        return await page.text()
