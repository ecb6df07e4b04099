"""What the journeys do again and again: make a session, and read its page."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp

from tests.journey.server import asked

__all__ = ["created", "published_page"]


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
