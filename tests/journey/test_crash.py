"""The server dies in the middle of a live session, and goes on as if it had blinked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from halcytone.client import LiveClient, Message
from tests.journey.server import asked, running_server
from tests.journey.session import Log, created, published_page

pytestmark = pytest.mark.long
PEOPLE = 5
BEFORE_THE_CRASH = 40


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a server on either database."""
    return {"database_url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}


async def test_a_kill_in_the_middle_loses_nothing_that_was_acknowledged(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """After kill -9 and a start the session is live, clients recover, and every acknowledged word is in every log."""
    async with running_server(tmp_path / "data", **settings) as server, aiohttp.ClientSession() as http:
        room = await created(http, server.url, "storm")
        logs = [Log() for _ in range(PEOPLE + 1)]
        clients = [
            LiveClient(http, server.url, "storm", name=f"Person {number}", on_message=logs[number].add)
            for number in range(PEOPLE)
        ]
        instructor = LiveClient(
            http,
            server.url,
            "storm",
            role="instructor",
            token=room["tokens"]["instructor"],
            on_message=logs[-1].add,
        )
        welcomes = [await client.connect() for client in (*clients, instructor)]
        await instructor.command("start", "start")
        speaking = asyncio.create_task(speak(instructor))
        await logs[-1].until(lambda log: len(log.acknowledged) >= BEFORE_THE_CRASH)

        await server.kill()
        speaking.cancel()
        assert {await client.closed() for client in (*clients, instructor)} == {1006}
        await server.start()

        live = await asked(http, "GET", f"{server.url}/api/v2/sessions/live")
        assert [session["session_id"] for session in live["sessions"]] == ["storm"]
        returned = [await client.connect() for client in (*clients, instructor)]
        assert all(welcome["recovered"] for welcome in returned)
        assert {welcome["epoch"] for welcome in returned} == {welcomes[0]["epoch"]}
        assert {welcome["participant_count"] for welcome in returned} == {PEOPLE}

        await instructor.command("last", "announce", title="Still here", message="Breathe on")
        await instructor.command("end", "end")
        for client in (*clients, instructor):
            assert await asyncio.wait_for(client.closed(), 20) == 1000

        acknowledged = logs[-1].acknowledged
        assert len(acknowledged) >= BEFORE_THE_CRASH + 2
        for log in logs:
            assert set(acknowledged.values()) - {acknowledged["end"]} <= log.by_seq.keys()
            assert_agrees(log, logs[0])
        titles = {message["content"].get("title") for message in logs[0].by_seq.values()}
        assert {f"Word {reply}" for reply in acknowledged if reply.isdigit()} <= titles
        assert room["title"] in await published_page(http, server.url, "storm")


async def speak(instructor: LiveClient) -> None:
    """Announce one thing after the other, as fast as the server acknowledges some of them."""
    number = 0
    while True:
        await instructor.command(str(number), "announce", title=f"Word {number}", message="…")
        number += 1
        await asyncio.sleep(0.002)


def assert_agrees(log: Log, other: Log) -> None:
    """Whatever two clients saw under one number is the same message."""
    for seq in log.by_seq.keys() & other.by_seq.keys():
        assert same(log.by_seq[seq]) == same(other.by_seq[seq])


def same(message: Message) -> dict[str, Any]:
    return {name: message[name] for name in ("type", "epoch", "timestamp", "content")}


async def test_a_signal_drains_and_the_session_goes_on_after_the_start(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """SIGTERM closes every socket with 4000 and exits 0 within 10 s; after a start the session is live."""
    async with running_server(tmp_path / "data", **settings) as server, aiohttp.ClientSession() as http:
        await created(http, server.url, "restart")
        client = LiveClient(http, server.url, "restart", name="Alder")
        await client.connect()
        await asked(http, "POST", f"{server.url}/api/v2/sessions/restart/start")
        stopping = asyncio.create_task(server.stop(within=10))
        assert await asyncio.wait_for(client.closed(), 10) == 4000
        assert await stopping == 0
        await server.start()
        assert (await client.connect())["recovered"]
        live = await asked(http, "GET", f"{server.url}/api/v2/sessions/live")
        assert live["count"] == 1
        await client.close()
