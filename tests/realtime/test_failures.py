"""Connections that break at the wrong moment, slow disks, and sessions that fail."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from pathlib import Path
from typing import Any, cast

import pytest

from engine.domain.session import Presence, Role
from engine.realtime.room import RING, Room
from engine.realtime.seat import UNSENT_LIMIT, Seat
from engine.realtime.tick import Tick
from engine.sessions.messages import Detach
from engine.storage.journal import Append, Done
from engine.storage.opening import database_of
from engine.storage.sqlite_journal import SqliteJournal
from tests.realtime.raw import Raw
from tests.realtime.studio import Refused, Studio, running
from tests.realtime.wire import Silence, Wire, seated, ticks


class HeldJournal(SqliteJournal):
    """A disk that takes its time: entries wait while it is held."""

    def __init__(self, data: Path) -> None:
        super().__init__(database_of(data), asyncio.get_running_loop())
        self._waiting: list[tuple[Append, Done]] | None = None
        self.came = asyncio.Event()

    def append(self, entry: Append, done: Done) -> None:
        if self._waiting is None:
            super().append(entry, done)
        else:
            self._waiting.append((entry, done))
            self.came.set()

    def hold(self) -> None:
        self._waiting = []
        self.came.clear()

    def release(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for entry, done in waiting:
            self.append(entry, done)


@pytest.fixture
async def held(tmp_path: Path) -> Any:
    """A running engine on a held journal, with one open session."""
    journal = HeldJournal(tmp_path)
    async with running(tmp_path, journal=journal) as studio:
        await studio.create()
        yield studio, journal


async def test_a_broken_connection_keeps_nothing_from_the_others() -> None:
    """A transport that broke refuses bytes; whoever sits behind it in the room gets them all the same."""
    room = Room(Tick(Silence()))
    _, broken = seated(room, "ada")
    _, whole = seated(room, "bob")
    await ticks()
    broken.broken = True
    room.publish(1, b"one")
    await ticks()
    assert whole.sent == b"one"


async def test_a_slow_sender_is_told_of_its_own_message_in_its_place() -> None:
    """What stands for one's own message never overtakes the messages that lead up to it."""
    room = Room(Tick(Silence()))
    _, wire = seated(room, "ada")
    await ticks()
    wire.reads = False
    long = b"x" * (UNSENT_LIMIT // 4)
    for seq in range(1, 8):
        room.publish(seq, long)
        await ticks()
    room.publish(8, b"what the others get", "ada", b"sent")
    await ticks()
    assert not wire.sent.endswith(b"sent")
    wire.reads, wire.unread = True, 0
    room.publish(9, b"last")
    await ticks()
    assert wire.sent == 7 * long + b"sent" + b"last"


async def test_a_frame_that_is_recovered_comes_as_the_others_got_it() -> None:
    """What somebody missed of their own comes back as a message, what comes later as word that it was sent."""
    room = Room(Tick(Silence()))
    for seq in range(1, RING):
        room.publish(seq, b"%d," % seq, "ada", b"sent,")
    wire = Wire()
    room.admit(Seat("ada", Role.PARTICIPANT, wire, Silence()), b"", RING - 3, RING - 2)
    await ticks()
    assert wire.sent == b"%d,sent," % (RING - 2)


async def sockets(studio: Studio, number: int) -> None:
    """Return once so many sockets are open."""
    async with asyncio.timeout(5):
        while len(studio.sockets) != number:  # noqa: ASYNC110  # nothing says so
            await asyncio.sleep(0)


async def test_a_tick_that_brings_more_than_the_ring_holds_sends_nobody_away() -> None:
    """A thousand who join at once are a thousand messages in one tick: everybody here gets them all."""
    room = Room(Tick(Silence()))
    seat, wire = seated(room, "ada")
    for seq in range(1, 2 * RING + 1):
        room.publish(seq, b"%d," % seq, "ada" if seq % 3 == 0 else None, b"own,")
    await ticks()
    assert not seat.closing
    assert wire.sent == b"".join(b"own," if n % 3 == 0 else b"%d," % n for n in range(1, 2 * RING + 1))


async def test_who_returns_in_a_crowd_gets_what_is_about_to_leave_the_ring() -> None:
    """Others who come in the same tick push the oldest frames out; who was promised them has them already."""
    room = Room(Tick(Silence()))
    for seq in range(1, RING + 1):
        room.publish(seq, b"%d," % seq)
    wire = Wire()
    seat = Seat("ada", Role.PARTICIPANT, wire, Silence())
    room.admit(seat, b"welcome,", 0, RING)
    for seq in range(RING + 1, RING + 11):
        room.publish(seq, b"%d," % seq)
    await ticks()
    assert not seat.closing
    assert wire.sent == b"welcome," + b"".join(b"%d," % seq for seq in range(1, RING + 11))


async def failing(studio: Studio) -> None:
    """Let the actor meet a message that no code expects."""
    (await studio.directory.find("s")).tell(Detach(cast(Any, None), clean=False))


async def test_what_is_sent_before_the_welcome_is_answered_after_it(
    held: tuple[Studio, HeldJournal],
) -> None:
    """However early a client speaks: the welcome is first, and its words are heard."""
    studio, journal = held
    journal.hold()
    url = f"http://127.0.0.1:{studio.port}/ws/live-updates?session_id=s"
    async with studio.http.ws_connect(url) as ws:
        await ws.send_str("no JSON")
        await ws.send_str(json.dumps({"type": "chat", "id": "1", "data": {"message": "early"}}))
        await journal.came.wait()
        journal.release()
        received = [await ws.receive_json(timeout=5) for _ in range(4)]
    assert [message["type"] for message in received] == ["welcome", "error", "message_sent", "ack"]


async def test_a_connection_that_breaks_while_the_next_one_comes_loses_nobody(
    held: tuple[Studio, HeldJournal],
) -> None:
    """Who is at the door already is present, though the older connection ends before they are seated."""
    studio, journal = held
    ivy = await studio.join("ivy", role="instructor", key=True)
    bob = await studio.join("bob")
    journal.hold()
    await ivy.send("announce", {"title": "slow", "message": "x"})
    await journal.came.wait()
    back = asyncio.create_task(studio.join("bob", resume=bob.welcome["resume"], after=bob.welcome["seq"]))
    await sockets(studio, 3)
    bob.drop()
    await sockets(studio, 2)
    await ticks(20)
    journal.release()
    assert (await back).welcome["recovered"] is True
    await (await back).until("session_update")
    view = await studio.directory.view("s")
    assert view is not None
    assert view.state.members["bob"].presence is Presence.PRESENT


async def test_a_session_that_fails_sends_those_at_the_door_away_to_return(
    held: tuple[Studio, HeldJournal],
) -> None:
    """Nobody waits for a welcome that never comes: they are told to come back, and find the session."""
    studio, journal = held
    bob = await studio.join("bob")
    await studio.lost(bob)
    ivy = await studio.join("ivy", role="instructor", key=True)
    journal.hold()
    await ivy.send("announce", {"title": "slow", "message": "x"})
    await journal.came.wait()
    again = asyncio.create_task(studio.join("bob", resume=bob.welcome["resume"]))
    third = asyncio.create_task(studio.join("cleo"))
    await sockets(studio, 3)
    await ticks(20)
    await failing(studio)
    for task in (again, third):
        with pytest.raises(Refused) as refused:
            await task
        assert refused.value.code == 4006
    assert await ivy.closed() == 4006
    journal.release()
    assert (await studio.join("dora")).welcome["phase"] == "waiting"


async def test_a_failed_session_is_rebuilt_from_all_that_it_had_written(
    held: tuple[Studio, HeldJournal],
) -> None:
    """Entries that were on their way to the disk when it failed are part of the session that comes back."""
    studio, journal = held
    ivy = await studio.join("ivy", role="instructor", key=True)
    journal.hold()
    await ivy.send("announce", {"title": "on its way", "message": "x"})
    await journal.came.wait()
    await failing(studio)
    assert await ivy.closed() == 4006
    back = asyncio.create_task(studio.join("ivy", role="instructor", key=True, resume=ivy.welcome["resume"]))
    await ticks(20)
    journal.release()
    client = await back
    await client.send("announce", {"title": "afterwards", "message": "x"})
    await client.until("session_update", title="afterwards")
    view = await studio.directory.view("s")
    assert view is not None
    assert view.state.seq == 2
    assert [message["content"]["title"] for message in await studio.directory.replay("s", 10)] == [
        "on its way",
        "afterwards",
    ]


async def test_an_idle_journal_holds_on_to_nobody(tmp_path: Path) -> None:
    """Once an entry is answered, the writer keeps nothing of it, though no other entry comes."""
    journal = SqliteJournal(database_of(tmp_path), asyncio.get_running_loop())
    waiter = Wire()
    kept = weakref.ref(waiter)
    answered = asyncio.get_running_loop().create_future()

    def done(error: BaseException | None, who: Wire = waiter) -> None:
        answered.set_result((error, who.broken))

    journal.append(Append("s", 0, ()), done)
    assert await answered == (None, False)
    del done, waiter
    async with asyncio.timeout(5):
        while kept() is not None:  # the writer thread lets go in its own time
            gc.collect()
            await asyncio.sleep(0)
    await journal.close()
    assert kept() is None


async def test_a_connection_that_ended_before_it_was_let_in_takes_nobodys_place(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone comes again while its first attempt still waits for the session: that one, dead by then, does not send it away."""
    ada = await studio.join("ada")
    resume = ada.welcome["resume"]
    find, asked, found = studio.directory.find, asyncio.Event(), asyncio.Event()

    async def slow(session_id: str) -> Any:
        asked.set()
        await found.wait()
        return await find(session_id)

    with monkeypatch.context() as held_up:
        held_up.setattr(studio.directory, "find", slow)
        first = await Raw.join(studio, "ada", query=f"&resume={resume}")
        await asyncio.wait_for(asked.wait(), 5)
    first.writer.transport.abort()
    again = await studio.join("ada", resume=resume)
    assert await ada.closed() == 4508
    found.set()

    await studio.join("bob")
    await again.until("participant_joined", client_id="bob")
    await again.settled()
    assert not again.ws.closed
