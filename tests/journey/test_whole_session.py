"""From the creation of a session to its page, over a real server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp

from engine.demo.artefacts import find_artefacts, wait_until_published
from halcytone.client import LiveClient
from tests.journey.server import HEADERS, OPERATOR, asked, running_server
from tests.journey.session import Log, created, published_page


async def test_a_session_becomes_a_page(tmp_path: Path) -> None:
    """People join, breathe, say something, and the end of the session leaves a page, a feed item and drafts."""
    async with running_server(tmp_path / "data", OPERATOR) as server, aiohttp.ClientSession() as http:
        room = await created(http, server.url, "evening", techniques=["Box Breathing"])
        logs = [Log() for _ in range(4)]
        people = [
            LiveClient(http, server.url, "evening", name=name, on_message=log.add)
            for name, log in zip(("Alder", "Beech", "Cedar"), logs[1:], strict=True)
        ]
        instructor = LiveClient(
            http,
            server.url,
            "evening",
            role="instructor",
            token=room["tokens"]["instructor"],
            on_message=logs[0].add,
        )
        for client in (instructor, *people):
            await client.connect()
        await instructor.send("start")
        # Without it the technique would begin with the next breath, and this session is shorter than that.
        now = time.time_ns() // 1_000_000
        await instructor.send("change_technique", technique="Box Breathing", duration=60, at=now)
        await people[0].send("chat", message="Good evening")
        await people[1].send("session_feedback", rating=5, comment="Quiet")
        await logs[0].until(
            lambda log: {"technique_changed", "chat_message", "session_feedback"} <= set(log.kinds)
        )
        await instructor.send("end")
        assert [await client.closed() for client in (instructor, *people)] == [1000] * 4

        assert all("technique_changed" in log.kinds and log.kinds[-1] == "session_ending" for log in logs)
        assert logs[1].kinds.count("message_sent") == 1
        assert logs[2].kinds.count("chat_message") == 1

        page = await published_page(http, server.url, "evening")
        assert room["title"] in page
        assert "Box Breathing" in page
        assert "Quiet" not in page, "a quote that nobody allowed"
        states = await wait_until_published(http, server.url, "evening", HEADERS, 30)
        assert set(states.values()) == {"done"}
        found = await find_artefacts(http, server.url, server.data, "evening", room["title"], HEADERS)
        assert [artefact.what for artefact in found if not artefact.found] == []


async def test_the_live_list_and_the_replay_know_the_session(tmp_path: Path) -> None:
    """While it runs the session is in the live list; after its end the history is kept."""
    async with running_server(tmp_path / "data") as server, aiohttp.ClientSession() as http:
        await created(http, server.url, "noon")
        client = LiveClient(http, server.url, "noon", name="Alder")
        await client.connect()
        await asked(http, "POST", f"{server.url}/api/v2/sessions/noon/start")
        live = await asked(http, "GET", f"{server.url}/api/v2/sessions/live")
        assert [session["session_id"] for session in live["sessions"]] == ["noon"]
        await asked(http, "POST", f"{server.url}/api/v2/sessions/noon/end")
        await asyncio.wait_for(client.closed(), 10)
        content = await asked(http, "GET", f"{server.url}/api/v2/session/noon/content?include_replay=true")
        assert content["active"] is False
        assert content["replay"]["messages"][-1]["type"] == "session_ending"
