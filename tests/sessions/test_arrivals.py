"""Those who wait for what they missed, and what happens to them and around them meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import WSMsgType

from engine.domain import commands as c
from engine.domain.session import Presence
from tests.realtime.studio import Client, Refused, Studio, running
from tests.realtime.test_room import LONG, LazyReader
from tests.sessions.slow_reads import SlowReads


@dataclass
class Waiting:
    """A session to which somebody comes back while the disk is slow."""

    studio: Studio
    journal: SlowReads
    ivy: Client
    bob: Client

    async def coming(self) -> asyncio.Task[Client]:
        """Bob on his way in: he has joined, and what he missed is being read."""
        query = {"resume": self.bob.welcome["resume"], "epoch": self.bob.welcome["epoch"], "after": 0}
        task = asyncio.create_task(self.studio.join("bob", **query))
        await self.journal.under_way.wait()
        return task


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[Waiting]:
    """A live session after a restart, so that its ring is empty, with an instructor in it."""
    async with running(tmp_path) as studio:
        await studio.create()
        bob = await studio.join("bob", name="Bob")
        await studio.command(c.Start())
        journal = SlowReads(tmp_path)
        await studio.restart(journal=journal)
        ivy = await studio.join("ivy", role="instructor", key=True)
        yield Waiting(studio, journal, ivy, bob)
        journal.let_go.set()


async def test_who_waits_while_the_session_ends_is_told_and_let_go(waiting: Waiting) -> None:
    """The welcome, everything that was missed, the end: then 1000, as everybody gets it."""
    coming = await waiting.coming()
    await waiting.ivy.send("end")
    assert await waiting.ivy.closed() == 1000
    waiting.journal.let_go.set()
    back = await coming
    assert await back.closed() == 1000
    assert back.welcome["recovered"] is True
    assert [message["seq"] for message in back.inbox if "epoch" in message] == [1, 2, 3]
    assert back.inbox[-1]["type"] == "session_ending"


async def test_who_waits_while_the_session_ends_is_told_all_of_it_however_much(waiting: Waiting) -> None:
    """The end is not in the middle of what was missed, though their network takes little at a time."""
    bob = waiting.bob.welcome
    for number in range(700):
        await waiting.studio.command(c.Announce(str(number), LONG))
    lazy = LazyReader(waiting.studio)
    query = f"&resume={bob['resume']}&epoch={bob['epoch']}&after=0"
    coming = asyncio.create_task(lazy.connect("bob", query))
    await waiting.journal.under_way.wait()
    await waiting.studio.command(c.End())
    waiting.journal.let_go.set()
    assert (await coming)["recovered"] is True
    numbers, code = await lazy.rest()  # But for those that came together with the welcome.
    assert (numbers, code) == (list(range(numbers[0], 704)), 1000)


async def test_who_is_removed_while_they_wait_does_not_come_in(waiting: Waiting) -> None:
    """4506 and the reason, at once; the disk is not waited for, and what it brings is for nobody."""
    coming = await waiting.coming()
    await waiting.ivy.send("remove_participant", {"client_id": "bob"})
    with pytest.raises(Refused) as refused:
        await coming
    assert refused.value.code == 4506
    assert refused.value.error["code"] == "removed"
    waiting.journal.let_go.set()
    await waiting.ivy.settled()
    assert (await waiting.studio.state()).members["bob"].presence is Presence.REMOVED
    assert len(waiting.studio.sockets) == 1


async def test_who_withdraws_while_they_wait_is_let_go(waiting: Waiting) -> None:
    """1000, and the others are told that somebody left."""
    studio = waiting.studio
    async with studio.http.ws_connect(
        f"http://127.0.0.1:{studio.port}/ws/live-updates",
        params={
            "session_id": "s",
            "client_id": "bob",
            "resume": waiting.bob.welcome["resume"],
            "epoch": waiting.bob.welcome["epoch"],
            "after": "0",
        },
    ) as ws:
        await waiting.journal.under_way.wait()
        await studio.directory.withdraw("s", "bob")
        frame = await ws.receive(timeout=5)
    assert (frame.type, frame.data) == (WSMsgType.CLOSE, 1000)
    left = await waiting.ivy.until("participant_left")
    assert left["content"]["name"] != "Bob"
    waiting.journal.let_go.set()
    await waiting.ivy.settled()


async def test_others_who_wait_are_seated_when_one_of_them_is_removed(waiting: Waiting) -> None:
    """What is read is theirs all the same."""
    coming = await waiting.coming()
    epoch = waiting.bob.welcome["epoch"]
    eve = asyncio.create_task(waiting.studio.join("eve", epoch=epoch, after=0))
    await waiting.ivy.until("participant_joined", client_id="eve")
    await waiting.ivy.send("remove_participant", {"client_id": "bob"})
    with pytest.raises(Refused):
        await coming
    waiting.journal.let_go.set()
    seated = await eve
    await seated.until("participant_left")
    assert seated.welcome["recovered"] is True
    assert seated.numbers() == [1, 2, 3, 4]
