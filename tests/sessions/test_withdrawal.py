"""Who takes everything back: nobody who comes later is told their name or their words."""

from __future__ import annotations

import asyncio
from contextlib import closing

from engine.domain import commands as c
from engine.domain.instant import HOUR
from engine.domain.rejection import Rejected
from engine.domain.session import Role
from engine.realtime.room import RING, Room
from engine.realtime.seat import UNSENT_LIMIT
from engine.realtime.tick import Tick
from engine.storage.opening import database_of
from engine.storage.outbox import SCHEDULE, Outbox
from engine.storage.people import People
from tests.realtime.studio import Client, Studio
from tests.realtime.wire import Silence, seated, ticks
from tests.sessions.slow_reads import SlowReads
from tests.storage.rows import all_records

DAY = 24 * HOUR


async def spoken(studio: Studio) -> tuple[Client, Client]:
    """Ada, who gave her name and said something, and Bob, who heard it and lost the network."""
    ada, bob = await studio.join("ada", name="Ada Byron"), await studio.join("bob")
    await ada.send("chat", {"message": "between us"})
    await bob.until("chat_message")
    await studio.lost(bob)
    return ada, bob


def silent_about_ada(client: Client) -> bool:
    snapshot = str(client.welcome) + str(client.inbox)
    return "Ada Byron" not in snapshot and "between us" not in snapshot


async def test_who_returns_after_a_withdrawal_is_told_without_name_and_words(studio: Studio) -> None:
    """Nor is a newcomer who asks for what was before; both get every number, and go on with the room."""
    ada, bob = await spoken(studio)
    await studio.directory.withdraw("s", "ada")
    assert await ada.closed() == 1000
    epoch = bob.welcome["epoch"]
    back = await studio.join("bob", resume=bob.welcome["resume"], after=0, epoch=epoch)
    eve = await studio.join("eve", role="observer", after=0, epoch=epoch)
    await studio.command(c.Announce("now", "x"))
    for client in (back, eve):
        await client.until("session_update", title="now")
        assert client.welcome["recovered"] is True
        assert client.numbers() == list(range(1, client.numbers()[-1] + 1))
        assert silent_about_ada(client)
        assert (await client.until("chat_message"))["content"]["message"] == "…"


async def test_what_was_read_before_a_withdrawal_is_not_told_after_it(studio: Studio) -> None:
    """Whoever waits for the disk meanwhile waits for what the log says now."""
    ada, bob = await spoken(studio)
    journal = SlowReads(studio.data)
    await studio.restart(journal=journal)
    again = await studio.join("ada", resume=ada.welcome["resume"])
    coming = asyncio.create_task(
        studio.join("bob", resume=bob.welcome["resume"], after=0, epoch=bob.welcome["epoch"])
    )
    await journal.under_way.wait()
    await studio.directory.withdraw("s", "ada")
    assert await again.closed() == 1000
    journal.let_go.set()
    back = await coming
    await back.until("participant_left")
    assert back.welcome["recovered"] is True
    assert back.numbers() == [1, 2, 3, 4]
    assert silent_about_ada(back)


async def test_a_message_behind_a_withdrawal_is_not_kept(studio: Studio) -> None:
    """Both came in the same breath, the withdrawal first: words and consents that follow it are refused."""
    ada = await studio.join("ada", name="Ada Byron")
    ref = await studio.directory.find("s")
    gone = asyncio.create_task(studio.directory.withdraw("s", "ada"))
    refused = [asyncio.create_task(say(studio, command)) for command in SAID]
    await gone
    assert await asyncio.gather(*refused) == ["unknown_client"] * len(SAID)
    assert await ada.closed() == 1000
    assert ref.is_alive()
    people = People(database_of(studio.data))
    assert await people.of("s") == []
    people.close()
    assert not any(b"between us" in record.event for record in await all_records(studio.journal, "s"))


SAID: tuple[c.Command, ...] = (
    c.Chat("between us"),
    c.Consent(True, True, "1"),
    c.RateSession(5, "between us", True, True, "1"),
    c.LeaveAddress("ada@example.org"),
)


async def say(studio: Studio, command: c.Command) -> str:
    """Say something as Ada; the code of the refusal, or ``said``."""
    try:
        await studio.directory.ask("s", command, c.Sender(Role.PARTICIPANT, "ada"))
    except Rejected as refusal:
        return refusal.code
    return "said"


async def test_what_retention_removed_is_not_written_back_from_memory(studio: Studio) -> None:
    """A session that is still in memory, and one that is being read at that moment, know nobody any more."""
    ada = await studio.join("ada", name="Ada Byron")
    await say(studio, c.LeaveAddress("ada@example.org"))
    await studio.command(c.Start())
    await studio.command(c.End())
    await ada.closed()
    studio.clock.jump(2 * DAY)
    people = People(database_of(studio.data))
    assert [row.email for row in await people.of("s")] == ["ada@example.org"]
    staged = asyncio.create_task(say(studio, c.Consent(False, True, "1")))
    refused = asyncio.create_task(say(studio, c.Consent(False, False, "1")))
    await studio.directory.forget_people(studio.clock.now() - DAY)
    await people.forget(studio.clock.now() - DAY)
    assert (await staged, await refused) == ("too_late", "said")
    assert await say(studio, c.Consent(False, False, "2")) == "said"
    assert await people.of("s") == []
    people.close()


async def test_what_was_read_before_retention_is_not_known_after_it(studio: Studio) -> None:
    """A session was on its way into memory with its people when their time was over."""
    ada = await studio.join("ada", name="Ada Byron")
    await studio.command(c.Start())
    await studio.command(c.End())
    await ada.closed()
    studio.clock.jump(2 * DAY)
    await studio.restart()
    reading = asyncio.create_task(studio.directory.view("s"))
    await asyncio.sleep(0)
    await studio.directory.forget_people(studio.clock.now() - DAY)
    view = await reading
    assert view is not None
    assert dict(view.people) == {}
    assert await say(studio, c.Consent(False, False, "3")) == "said"
    view = await studio.directory.view("s")
    assert view is not None
    assert dict(view.people) == {}


async def test_a_replay_read_before_a_withdrawal_is_not_told_after_it(studio: Studio) -> None:
    """Neither name nor words: it is read again."""
    await spoken(studio)
    journal = SlowReads(studio.data)
    await studio.restart(journal=journal)
    reading = asyncio.create_task(studio.directory.replay("s", 100))
    await journal.under_way.wait()
    await studio.directory.withdraw("s", "ada")
    journal.let_go.set()
    snapshot = await reading
    assert [message["type"] for message in snapshot].count("chat_message") == 1
    assert "Ada Byron" not in str(snapshot)
    assert "between us" not in str(snapshot)


async def test_the_publisher_hears_of_each_withdrawal_after_the_end(studio: Studio) -> None:
    """Also where a summary stands over the session's own story and nothing is told anew: it keeps mails to people."""
    ada = await studio.join("ada", name="Ada Byron")
    await studio.command(c.Start())
    await studio.command(c.End())
    await ada.closed()
    with closing(database_of(studio.data).connect()) as connection:
        outbox = Outbox(connection)
        snapshot = outbox.stories.snapshot("s")
        assert snapshot is not None
        summary = snapshot.model_copy(
            update={"source": "api", "content_id": "summary", "title": "Said elsewhere"}
        )
        outbox.enqueue(summary, ("web", "email", "social", "analytics"), studio.clock.now())
        outbox.claim(studio.clock.now() + 1)
        await studio.directory.withdraw("s", "ada")
        assert [job.channel for job in outbox.claim(studio.clock.now() + 1)] == [SCHEDULE]


async def test_a_room_that_forgets_sends_the_slow_away_and_nobody_into_a_hole() -> None:
    """Who has everything goes on with the next; who is behind is asked to come back, with a part and no gap."""
    room = Room(Tick(Silence()))
    slow, stalled = seated(room, "ada")
    _, quick = seated(room, "bob")
    room.publish(1, b"one,")
    await ticks()
    stalled.unread = UNSENT_LIMIT + 1
    room.publish(2, b"two,")
    room.forget()
    assert slow.closing
    assert stalled.sent.startswith(b"one,\x88")
    room.publish(3, b"three,")
    await ticks()
    assert quick.sent == b"one,two,three,"
    assert not room.reaches_back_to(1, 3)
    assert room.reaches_back_to(2, 3)


async def test_a_room_that_forgot_takes_what_is_told_instead() -> None:
    """What is read of before goes in front of what comes; who came meanwhile is not told twice."""
    room = Room(Tick(Silence()))
    for seq in range(1, RING + 1):
        room.publish(seq, b"old,")
    room.forget()
    assert (room.head, room.tail) == (RING, RING + 1)
    _, here = seated(room, "ada")
    room.restore([(seq, b"%d," % seq, None, b"") for seq in range(RING - 1, RING + 1)])
    room.publish(RING + 1, b"next,")
    await ticks()
    assert here.sent == b"next,"
    seat, back = seated(room, "bob")
    room.leave(seat)
    room.admit(seat, b"", RING - 2)
    await ticks()
    assert back.sent == b"%d,%d,next," % (RING - 1, RING)
