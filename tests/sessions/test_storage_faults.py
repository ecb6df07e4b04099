"""Full disks, bugs, drains and sleep: what was acknowledged is never lost, what nobody saw never was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain import commands as c
from engine.domain.decide import decide
from engine.domain.events import decode
from engine.domain.evolve import evolve
from engine.domain.rejection import Rejected
from engine.domain.session import Phase, Session
from engine.protocol.close_codes import CloseCode
from engine.sessions import session_actor
from engine.storage.journal import Append, Done, JournalFailed
from engine.storage.opening import database_of
from engine.storage.sqlite_journal import SqliteJournal
from tests.realtime.studio import Studio, running
from tests.storage.rows import all_records


class Disk(SqliteJournal):
    """A journal whose disk is full, or does not answer, when told so."""

    def __init__(self, data: Path) -> None:
        super().__init__(database_of(data), asyncio.get_running_loop())
        self.full = False
        self.held: list[Done] | None = None
        """Who waits for a disk that does not answer."""

    def append(self, entry: Append, done: Done) -> None:
        if self.held is not None:
            self.held.append(done)
        elif self.full:
            asyncio.get_running_loop().call_soon(done, JournalFailed("the disk is full"))
        else:
            super().append(entry, done)


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[tuple[Studio, Disk]]:
    """A running engine whose disk can be filled, with one open session."""
    disk = Disk(tmp_path)
    async with running(tmp_path, journal=disk) as studio:
        await studio.create()
        yield studio, disk


async def folded(studio: Studio, session_id: str = "s") -> Session:
    """The state that the journal alone gives."""
    state: Session | None = None
    for record in await all_records(studio.journal, session_id):
        state = evolve(state, decode(record.event), record.at)
    assert state is not None
    return state


async def test_a_full_disk_ends_the_session_loudly_and_nobody_saw_its_events(
    full: tuple[Studio, Disk],
) -> None:
    """The sender is told, everybody is asked to come back, and nothing half-done is on the wire."""
    studio, disk = full
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("chat", {"message": "kept"})
    await bob.until("chat_message")
    disk.full = True
    await ada.send("chat", {"message": "lost"}, id="7")
    assert await bob.closed() == 4006
    assert await ada.closed() == 4006
    error = ada.inbox[-1]
    assert (error["type"], error["code"], error["reply_to"]) == ("error", "unavailable", "7")
    assert [m["content"]["message"] for m in bob.inbox if m["type"] == "chat_message"] == ["kept"]
    assert studio.registry.get_sample_value("halcytone_session_failures_total") == 1


async def test_while_the_disk_is_full_those_who_come_are_asked_to_return(full: tuple[Studio, Disk]) -> None:
    """With a code that comes back, over HTTP with 503; and with the disk all is there again."""
    studio, disk = full
    ada = await studio.join("ada")
    await ada.send("chat", {"message": "kept"})
    kept = await ada.until("message_sent")
    disk.full = True
    refused = await studio.turned_away("bob")
    assert refused.code == 4006
    with pytest.raises(Rejected) as refusal:
        await studio.command(c.Start())
    assert refusal.value.status == 503
    with pytest.raises(Rejected):
        await studio.create("another")
    disk.full = False
    back = await studio.join(
        "ada", resume=ada.welcome["resume"], epoch=ada.welcome["epoch"], after=kept["seq"]
    )
    assert back.welcome["recovered"] is True
    assert back.welcome["epoch"] == ada.welcome["epoch"]
    await back.send("chat", {"message": "again"})
    assert (await back.until("message_sent"))["seq"] == kept["seq"] + 1
    assert await folded(studio) == await studio.state()
    await studio.create("another")


async def test_nobody_is_refused_for_what_never_became_durable(full: tuple[Studio, Disk]) -> None:
    """An end that was never written ends nothing: whoever came meanwhile comes back to a session that goes on."""
    studio, disk = full
    await studio.command(c.Start())
    ada = await studio.join("ada", role="instructor", key=True)
    disk.held = []
    ending = asyncio.create_task(studio.command(c.End()))
    away = asyncio.create_task(studio.turned_away("bob"))
    starting = asyncio.create_task(studio.command(c.Start()))
    await ada.send("start", id="again")
    done, _ = await asyncio.wait([away, starting], timeout=0.5)
    assert not done
    assert not any(message["type"] == "error" for message in ada.inbox)
    held, disk.held = disk.held, None
    held[0](JournalFailed("another server owns the session"))
    assert (await away).code == 4006
    for refused in (ending, starting):
        with pytest.raises(Rejected) as refusal:
            await refused
        assert refusal.value.status == 503
    assert await ada.closed() == 4006
    assert ada.inbox[-1]["code"] == "unavailable"
    await studio.join("bob")
    state = await studio.state()
    assert state is not None
    assert state.phase is Phase.LIVE


@pytest.mark.parametrize("over_http", [False, True])
async def test_a_bug_ends_its_session_which_is_rebuilt(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, over_http: bool
) -> None:
    """Whoever asked is told that nothing was lost; everybody comes back to the session as it was."""
    ada = await studio.join("ada")
    ivy = await studio.join("ivy", role="instructor", key=True)

    def broken(state: Any, command: Any, **rest: Any) -> Any:
        if isinstance(command, c.Announce):
            raise ZeroDivisionError("a bug")
        return decide(state, command, **rest)

    monkeypatch.setattr(session_actor, "decide", broken)
    if over_http:
        with pytest.raises(Rejected) as refusal:
            await studio.command(c.Announce("x", "y"))
        assert refusal.value.status == 503
    else:
        await ivy.send("announce", {"title": "x", "message": "y"})
    assert await ada.closed() == 4006
    assert await ivy.closed() == 4006
    back = await studio.join("ada", resume=ada.welcome["resume"])
    assert back.welcome["participant_count"] == 1
    assert await folded(studio) == await studio.state()


async def test_an_everyday_refusal_leaves_no_traceback(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asked is told; the log is for what went wrong."""
    with caplog.at_level("INFO"), pytest.raises(Rejected) as refusal:
        await studio.create()
    assert refusal.value.code == "session_exists"
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_bug_in_one_session_is_not_felt_in_another(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions fail alone."""
    await studio.create("other")
    bob = await studio.join("bob", session_id="other")
    ivy = await studio.join("ivy", role="instructor", key=True)
    monkeypatch.setattr(session_actor, "evolve", lambda *_: 1 / 0)
    await ivy.send("rest")
    await ivy.send("announce", {"title": "x", "message": "y"})
    assert await ivy.closed() == 4006
    monkeypatch.undo()
    await bob.settled()


async def test_a_drain_asks_everybody_to_come_back(studio: Studio) -> None:
    """4000, each with a time of their own; what was sent before is there before it."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("chat", {"message": "last"})
    await ada.until("message_sent")
    waits = iter(("retry-after=1.0", "retry-after=2.0"))
    studio.sockets.close_all(CloseCode.DRAINING, lambda: next(waits))
    assert await ada.closed() == 4000
    assert await bob.closed() == 4000
    assert bob.inbox[-1]["content"]["message"] == "last"
    async with asyncio.timeout(5):
        await studio.sockets.wait_empty()
    assert next(waits, None) is None


async def test_after_a_drain_those_who_were_present_have_their_grace_from_the_start(studio: Studio) -> None:
    """However long the server was away, and whichever close frame they answered with."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    cem = await studio.join("cem")
    await studio.lost(cem)
    studio.sockets.close_all(CloseCode.DRAINING, lambda: "retry-after=1.0")
    assert await ada.closed() == 4000
    async with asyncio.timeout(5):
        await studio.sockets.wait_empty()
    await studio.close()
    studio.clock.jump(60_000)
    await studio.open()
    assert (await studio.state()).count() == 3
    studio.clock.jump(10_000)
    back = await studio.join("bob", resume=bob.welcome["resume"], epoch=bob.welcome["epoch"], after=3)
    assert back.welcome["participant_count"] == 3
    assert (back.welcome["recovered"], back.welcome["seq"]) == (True, 3)
    studio.clock.jump(10_500)
    await back.until("participant_left", client_id="ada")
    await back.until("participant_left", client_id="cem")
    assert (await studio.state()).count() == 1


async def test_an_idle_session_sleeps_and_wakes_for_a_join(studio: Studio) -> None:
    """It leaves memory with its sockets; position, names and epoch are there when somebody comes."""
    ada = await studio.join("ada", name="Ada")
    await ada.send("chat", {"message": "kept"})
    sent = await ada.until("message_sent")
    await ada.leave()
    await left(studio, "ada")
    await asleep(studio)
    bob = await studio.join("bob")
    assert bob.welcome["epoch"] == ada.welcome["epoch"]
    assert bob.welcome["seq"] == sent["seq"] + 2
    back = await studio.join("ada", resume=ada.welcome["resume"])
    assert back.welcome["name"] == "Ada"
    assert (await studio.state()).members["ada"].engaged


@pytest.mark.parametrize("clean", [True, False])
async def test_who_comes_back_to_an_empty_room_goes_on_where_they_stood(studio: Studio, clean: bool) -> None:
    """With the secret alone, for five minutes; one that is over or was left longer ago may sleep."""
    ada = await studio.join("ada")
    await studio.command(c.Announce("one", "x"))
    await ada.until("session_update")
    await (ada.leave() if clean else studio.lost(ada))
    if not clean:
        studio.clock.jump(21_000)
    await left(studio, "ada")
    studio.clock.jump(250_000)
    for _ in range(2):
        await studio.directory.sweep()
    assert len(list(studio.directory.actors())) == 1
    back = await studio.join("ada", resume=ada.welcome["resume"])
    assert (back.welcome["recovered"], back.welcome["seq"]) == (True, 2)
    await back.until("participant_joined")
    assert back.numbers() == [3, 4]
    await studio.command(c.End())
    assert await back.closed() == 1000
    async with asyncio.timeout(5):
        await studio.sockets.wait_empty()
    studio.clock.jump(61_000)
    await studio.directory.sweep()
    assert not list(studio.directory.actors())


async def test_a_sleeping_room_opens_and_ends_by_itself(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deadlines wake those who sleep."""
    await studio.create("later", scheduled_start=studio.clock.now() + 3_600_000)
    await asleep(studio)
    studio.clock.jump(3_600_000)
    await durable(studio, "later", Phase.WAITING)
    await asleep(studio)
    studio.clock.jump(7_200_000)
    await durable(studio, "later", Phase.ENDED)


async def _settled(studio: Studio) -> None:
    """Return once the directory is done with what was due."""
    tasks = [task for task in studio.directory._tasks if not task.done()]
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_deadline_that_comes_while_nothing_can_be_read_is_kept(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room opens once its log can be read again, without anybody asking for it."""
    await studio.create("later", scheduled_start=studio.clock.now() + 3_600_000)
    await asleep(studio)
    failed = asyncio.Event()

    async def away(_: str) -> None:
        failed.set()
        raise JournalFailed("the database is away")

    monkeypatch.setattr(studio.journal, "load", away)
    studio.clock.jump(3_600_000)
    await asyncio.wait_for(failed.wait(), 5)
    monkeypatch.undo()
    await _settled(studio)
    studio.clock.jump(5_000)
    await durable(studio, "later", Phase.WAITING)


async def test_a_session_stays_awake_while_somebody_is_counted_in_it(studio: Studio) -> None:
    """Those whom a platform reported have no socket; the list of sessions counts them without reading the log."""
    await studio.command(c.ReportJoined("ada"))
    studio.clock.jump(61_000)
    await studio.directory.sweep()
    assert [view.state.count() for view in studio.directory.loaded()] == [1]
    await studio.command(c.End())
    await asleep(studio)


async def asleep(studio: Studio) -> None:
    """Let five minutes pass, and more where something had still to be written; nothing is in memory then."""
    for _ in range(3):
        studio.clock.jump(301_000)
        await studio.directory.sweep()
        for view in list(studio.directory.loaded()):
            await studio.command(c.MarkEngaged(()), view.state.session_id)
    assert not list(studio.directory.actors())


async def left(studio: Studio, client_id: str, session_id: str = "s") -> None:
    """Return once somebody is not in a session any more; nobody is left there to be told of it."""
    async with asyncio.timeout(5):
        while (await studio.state(session_id)).members[client_id].is_here:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def durable(studio: Studio, session_id: str, phase: Phase) -> None:
    """Return once the catalogue has a session in a phase, without waking it."""
    async with asyncio.timeout(5):
        while (row := await studio.rooms.get(session_id)) is None or row.phase != phase:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_restart_in_the_middle_keeps_everything(studio: Studio) -> None:
    """The state after it is the fold of the journal before it; those who were present have their grace."""
    clients = [await studio.join(name, name=name.title()) for name in ("ada", "bob", "cem")]
    await studio.command(c.Start())
    await studio.command(c.ChangeTechnique("Box Breathing", 300))
    for client in clients:
        await client.send("chat", {"message": "hi"})
        await client.until("message_sent")
    before = await folded(studio)
    await studio.restart()
    state = await studio.state()
    assert state.phase is Phase.LIVE
    assert state.seq == before.seq
    assert state.count() == 3
    assert (state.spans, state.epoch) == (before.spans, before.epoch)
    back = await studio.join("ada", resume=clients[0].welcome["resume"])
    assert back.welcome["recovered"] is False
    assert back.welcome["technique"] or back.welcome["next_technique"]
    assert back.welcome["participant_count"] == 3
    studio.clock.jump(21_000)
    await back.until("participant_left", 2)
    assert (await studio.state()).count() == 1
