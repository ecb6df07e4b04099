"""A machine whose date is set while the server runs: a laptop that slept, NTP that corrects."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from halcytone.client import LiveClient, Refused
from tests.fork_server import program
from tests.journey.server import Server, asked
from tests.journey.session import created

HOUR = 3600


class Machine:
    """A server and the date of its machine."""

    def __init__(self, folder: Path, *, hours: float = 0, **setting: str) -> None:
        """``hours`` is how far ahead of ours the date is at first; ``setting`` are those of ``Server``."""
        self.file = folder / "offset"
        self.file.write_text(str(hours * HOUR))
        command = (program(), "-m", "tests.journey.set_date", str(self.file))
        self.server = Server(folder / "data", command, **setting)

    def date(self, ahead: float = 0.0) -> str:
        """The machine's date, or one that is ``ahead`` of it."""
        offset = float(self.file.read_text())
        return datetime.fromtimestamp(time.time() + offset + ahead, UTC).isoformat()

    async def set(self, hours: float) -> None:
        """Set the date to so many hours ahead of ours; returns once the server has noticed."""
        noticed = self.server.log.read_text().count("the clock was set")
        new = self.file.with_name("new")
        new.write_text(str(hours * HOUR))
        new.replace(self.file)
        async with asyncio.timeout(10):
            while self.server.log.read_text().count("the clock was set") == noticed:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def summary(session_id: str, at: str) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "title": f"Evening of {session_id}",
        "content": "We breathed together.",
        "session_date": at,
        "session_duration": 1200,
        "participant_count": 7,
        "breathing_techniques": ["Box Breathing"],
        "publish_immediately": True,
    }


async def join(http: aiohttp.ClientSession, url: str, session_id: str) -> dict[str, Any]:
    client = LiveClient(http, url, session_id)
    try:
        return await client.connect()
    finally:
        await client.close()


async def test_server_and_publisher_follow_a_date_that_is_set(tmp_path: Path) -> None:
    """Ten hours forwards a room of now is open; a day back publications are there at once, and so is a session's page."""
    machine = Machine(tmp_path)
    server = machine.server
    await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            url = server.url
            await created(http, url, "later", scheduled_start=machine.date(10 * HOUR))
            with pytest.raises(Refused, match="not_open_yet"):
                await join(http, url, "later")

            await machine.set(10)
            assert (await join(http, url, "later"))["type"] == "welcome"
            await created(http, url, "now", scheduled_start=machine.date())
            assert (await join(http, url, "now"))["type"] == "welcome"
            path = f"{url}/api/v2/session-summary"
            answer = await asked(http, "POST", path, 200, summary("forwards", machine.date()))
            assert answer["status"] == "success"

            # The live session began before the date was set back, and ends after it.
            await asked(http, "POST", f"{url}/api/v2/sessions/now/start")
            joined = {"type": "participant.joined", "data": {"name": "Ada"}}
            await asked(http, "POST", f"{url}/api/v2/sessions/now/events", 202, joined)
            await machine.set(10 - 24)
            answer = await asked(http, "POST", path, 200, summary("back", machine.date()))
            assert answer["status"] == "success"
            await asked(http, "POST", f"{url}/api/v2/sessions/now/end")
            async with asyncio.timeout(20):
                states = {"web": "pending"}
                while states.get("web") != "done":
                    found = await asked(http, "GET", f"{url}/api/v2/publications/now")
                    states = {name: channel["state"] for name, channel in found["channels"].items()}
                    await asyncio.sleep(0.05)
    finally:
        await server.stop()
    assert "Traceback" not in server.log.read_text()
