"""Who leads what, on both databases: written with what it is about, and remembered when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from engine.storage.database import Database
from engine.storage.journal import Append, StalePosition
from engine.storage.leaders import Leaders, record_story_owner
from engine.storage.opening import open_journal
from engine.storage.outbox import Outbox
from engine.storage.postgres import PostgresDatabase
from engine.storage.series import SeriesTable
from tests.storage.rows import outcomes, records, room, snapshot
from tests.storage.test_series import THURSDAY


@pytest.fixture
async def leaders(database: Database) -> AsyncIterator[Leaders]:
    leaders = Leaders(database)
    yield leaders
    leaders.close()


async def test_a_session_and_whose_it_is_are_written_at_once(database: Database, leaders: Leaders) -> None:
    """Both with the first record, alone and among others in one commit; neither where that is refused."""
    journal = open_journal(database, asyncio.get_running_loop())
    made = Append("morning", 0, records(1, 1), room=room("morning"), made_by="Mara")
    beside = Append("other", 0, records(1, 1), room=room("other"))
    assert await outcomes(journal, [made, beside]) == [None, None]
    assert (await leaders.led_by("Mara")).sessions == {"morning"}
    assert await leaders.of_session("other") == []
    late = Append("morning", 0, records(2, 2), room=room("morning"), made_by="Ivy")
    (refused,) = await outcomes(journal, [late])
    await journal.close()
    assert isinstance(refused, StalePosition)
    assert await leaders.of_session("morning") == ["Mara"]
    assert await leaders.made("morning", "Mara")


async def test_a_session_that_could_not_be_written_is_nobodys(database: Database, leaders: Leaders) -> None:
    """A name that cannot be stored ends the transaction in which the session was to be made."""
    journal = open_journal(database, asyncio.get_running_loop())
    with closing(database.connect()) as connection:
        connection.execute("ALTER TABLE leaders RENAME TO away")
        (failed,) = await outcomes(
            journal, [Append("morning", 0, records(1, 1), room=room("morning"), made_by="Mara")]
        )
        connection.execute("ALTER TABLE away RENAME TO leaders")
    assert failed is not None
    assert await journal.load("morning") is None
    await journal.close()


async def test_a_series_and_whose_it_is_are_written_at_once(database: Database, leaders: Leaders) -> None:
    """With the sessions that are made of it."""
    table = SeriesTable(database)
    assert await table.add(THURSDAY, "Mara")
    assert not await table.add(THURSDAY, "Ivy")
    table.close()
    journal = open_journal(database, asyncio.get_running_loop())
    row = room("thursday-2026-12-03", series_id="thursday")
    assert await outcomes(journal, [Append(row.session_id, 0, records(1, 1), room=row)]) == [None]
    await journal.close()
    led = await leaders.led_by("Mara")
    assert led.series == {"thursday"}
    assert led.sessions == {"thursday-2026-12-03"}
    assert await leaders.of_session("thursday-2026-12-03") == ["Mara"]
    assert await leaders.made("thursday-2026-12-03", "Mara")
    assert (await leaders.led_by("Ivy")).series == set()


async def test_a_story_without_a_session_is_whose_key_told_it_first(
    database: Database, leaders: Leaders
) -> None:
    """Not once there is a session of its id, nor where something was published with no key."""
    with closing(database.connect()) as connection:
        assert record_story_owner(connection, "told", "Ivy", 5)
        assert record_story_owner(connection, "told", "Ivy", 6)
        assert not record_story_owner(connection, "told", "Mara", 7)
        Outbox(connection).enqueue(snapshot("imported"), ("web",), 5)
        assert not record_story_owner(connection, "imported", "Ivy", 6)
    led = await leaders.led_by("Ivy")
    assert led.stories == {"told"}
    assert not led.sessions
    journal = open_journal(database, asyncio.get_running_loop())
    assert await outcomes(journal, [Append("told", 0, records(1, 1), room=room("told"))]) == [None]
    await journal.close()
    assert (await leaders.led_by("Ivy")).stories == set()
    with closing(database.connect()) as connection:
        assert not record_story_owner(connection, "told", "Ivy", 8)


async def test_who_was_removed_is_remembered(leaders: Leaders) -> None:
    """A link does not bring them back; whoever leads the session may."""
    assert await leaders.invite("morning", "Ivy", 5, again=False)
    assert await leaders.invite("morning", "Ivy", 6, again=False)
    assert await leaders.leads("Ivy", "morning")
    assert await leaders.remove("morning", "Ivy", 7)
    assert not await leaders.remove("morning", "Ivy", 8)
    assert not await leaders.leads("Ivy", "morning")
    assert not await leaders.invite("morning", "Ivy", 9, again=False)
    assert await leaders.of_session("morning") == []
    assert await leaders.invite("morning", "Ivy", 10, again=True)
    assert await leaders.leads("Ivy", "morning")
    assert not await leaders.made("morning", "Ivy")


async def test_what_servers_of_the_version_before_write_during_an_update_counts_as_if_it_were_written_here(
    postgres_url: str,
) -> None:
    """They know neither makers nor stories of their own: whoever made a session stays, and a story leads nobody to a session."""
    database = PostgresDatabase(postgres_url)
    with closing(Leaders(database)) as leaders, database.connect() as older:
        journal = open_journal(database, asyncio.get_running_loop())
        made = room("morning", created_at=1000)
        assert await outcomes(journal, [Append("morning", 0, records(1, 1), room=made)]) == [None]
        for kind, id_, name, at in (
            ("session", "morning", "Mara", 1005),
            ("session", "morning", "Ivy", 1010),
            ("session", "told", "Ivy", 900),
            ("session", "told", "Mara", 901),
            ("series", "thursday", "Mara", 5),
        ):
            older.execute(
                "INSERT INTO leaders (kind, id, key_name, at) VALUES (:kind, :id, :name, :at)",
                kind=kind,
                id=id_,
                name=name,
                at=at,
            )
        assert await leaders.made("morning", "Mara")
        assert not await leaders.made("morning", "Ivy")
        led = await leaders.led_by("Ivy")
        assert led.sessions == {"morning"}
        assert led.stories == {"told"}
        assert (await leaders.led_by("Mara")).stories == set()
        later = room("told", created_at=2000)
        assert await outcomes(journal, [Append("told", 0, records(1, 1), room=later, made_by="Adam")]) == [
            None
        ]
        await journal.close()
        assert await leaders.of_session("told") == ["Adam"]
        dated = older.value("SELECT maker FROM leaders WHERE kind = 'series'")
        assert dated == 1


async def test_who_was_invited_as_the_first_is_no_maker_after_an_update(postgres_url: str) -> None:
    """The administrator made the session, and an older server wrote something later: the guest stays a guest."""
    database = PostgresDatabase(postgres_url)
    with closing(Leaders(database)) as leaders, database.connect() as older:
        journal = open_journal(database, asyncio.get_running_loop())
        made = room("morning", created_at=1000)
        assert await outcomes(journal, [Append("morning", 0, records(1, 1), room=made)]) == [None]
        await journal.close()
        assert await leaders.invite("morning", "Ivy", 1010, again=True)
        older.execute("INSERT INTO leaders (kind, id, key_name, at) VALUES ('series', 'x', 'Mara', 5)")
        assert not await leaders.made("morning", "Ivy")
