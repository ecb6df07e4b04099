"""The catalogue of rooms and the table of people, as the events wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.domain.events import ChatMessageSent, decode, encode
from engine.storage.database import Database
from engine.storage.journal import Append, Journal, Record
from engine.storage.opening import open_journal
from engine.storage.outbox import story
from engine.storage.people import People
from engine.storage.redaction import REDACTED
from engine.storage.rooms import RoomCatalogue, Rooms
from engine.storage.rows import PersonChange, PersonRow
from tests.storage.memory_journal import MemoryJournal
from tests.storage.rows import all_records, outcomes, records, room, snapshot

ROOMS = [
    room("a", phase="live", scheduled_start=300, next_deadline=50, started_at=40),
    room("b", phase="scheduled", scheduled_start=200, next_deadline=20, sequence=3),
    room("c", phase="ended", scheduled_start=100, ended_at=900),
    room("d", phase="scheduled", scheduled_start=100, cancelled=True),
]
OF_SERIES = [
    room("t-2", scheduled_start=700, series_id="t", occurrence="2026-12-10"),
    room("t-1", scheduled_start=600, phase="ended", series_id="t", occurrence="2026-12-03"),
    room("u-1", scheduled_start=500, series_id="u", occurrence="2026-12-03", visibility="unlisted"),
]

STORY = {"a": story(snapshot("a"), (), 7)[0]}


@pytest.fixture(params=["database", "memory"])
async def catalogue(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[RoomCatalogue]:
    memory = MemoryJournal()
    on_disk = open_journal(database, asyncio.get_running_loop())
    rooms = Rooms(database)
    journal: Journal = memory if request.param == "memory" else on_disk
    await outcomes(
        journal,
        [
            Append(row.session_id, 0, records(1, 1), room=row, snapshot=STORY.get(row.session_id))
            for row in ROOMS
        ],
    )
    yield memory.rooms() if request.param == "memory" else rooms
    await on_disk.close()
    rooms.close()


async def test_a_room_is_as_it_was_last_written(catalogue: RoomCatalogue) -> None:
    """Every field comes back with its type."""
    assert await catalogue.get("a") == ROOMS[0]
    assert await catalogue.get("d") == ROOMS[3]
    assert await catalogue.get("nowhere") is None


async def test_an_id_that_differs_by_case_alone_is_found(catalogue: RoomCatalogue) -> None:
    """Whichever of both was there first; the id itself is none."""
    assert await catalogue.id_differing_by_case("A") == "a"
    assert await catalogue.id_differing_by_case("a") is None
    assert await catalogue.id_differing_by_case("nowhere") is None


async def test_the_list_is_paged_by_id_and_chosen_by_phase(catalogue: RoomCatalogue) -> None:
    """Pages follow each other without overlap."""
    assert [r.session_id for r in await catalogue.list(limit=2)] == ["a", "b"]
    assert [r.session_id for r in await catalogue.list(limit=2, after="b")] == ["c", "d"]
    assert [r.session_id for r in await catalogue.list(["live", "ended"])] == ["a", "c"]
    assert list(await catalogue.list([])) == []


async def test_many_rooms_are_asked_for_at_once(catalogue: RoomCatalogue) -> None:
    """Those that there are, in any order."""
    many = [*(f"nowhere-{number}" for number in range(600)), "c", "a"]
    assert sorted(row.session_id for row in await catalogue.among(many)) == ["a", "c"]
    assert list(await catalogue.among([])) == []
    assert await catalogue.stories_among(many) == {"a"}
    assert await catalogue.stories_among([]) == set()


async def test_the_rooms_of_a_series_and_what_is_next(database: Database) -> None:
    """By their start; of the next ones the public ones alone."""
    memory = MemoryJournal()
    on_disk = open_journal(database, asyncio.get_running_loop())
    rooms = Rooms(database)
    for journal in (memory, on_disk):
        entries = [Append(row.session_id, 0, records(1, 1), room=row) for row in [*ROOMS, *OF_SERIES]]
        await outcomes(journal, entries)
    for catalogue in (memory.rooms(), rooms):
        assert await catalogue.of_series("t") == [OF_SERIES[1], OF_SERIES[0]]
        assert list(await catalogue.of_series("nowhere")) == []
        assert [row.session_id for row in await catalogue.upcoming(2)] == ["b", "a"]
        assert [row.session_id for row in await catalogue.upcoming(9)] == ["b", "a", "t-2"]
    await on_disk.close()
    rooms.close()


async def test_unfinished_rooms_leave_out_the_ended_and_the_cancelled(catalogue: RoomCatalogue) -> None:
    """What a start has to look after, by scheduled start."""
    assert [r.session_id for r in await catalogue.unfinished()] == ["b", "a"]


async def test_people_are_read_and_forgotten_after_retention(database: Database) -> None:
    """Rows of sessions that ended long ago go, with what people wrote there; the others stay."""
    journal = open_journal(database, asyncio.get_running_loop())
    ann, bob = PersonRow("old", "ann", 1, name="Ann", publish_name=True), PersonRow("new", "bob", 1)
    said = [Record(1, 1, 1, encode(ChatMessageSent("ann", "telltale"))), Record(2, None, 2, b'{"n":2}')]
    await outcomes(
        journal,
        [
            Append("old", 0, said, room=room("old", ended_at=100), people=[PersonChange("ann", ann)]),
            Append("new", 0, said, room=room("new", ended_at=900), people=[PersonChange("bob", bob)]),
        ],
    )
    people = People(database)
    assert await people.get("old", "ann") == ann
    assert list(await people.of("new")) == [bob]

    assert await people.forget(ended_before=500) == 1

    assert await people.get("old", "ann") is None
    assert await people.get("new", "bob") == bob
    assert await all_records(journal, "new") == said
    old = await all_records(journal, "old")
    assert decode(old[0].event) == ChatMessageSent("ann", REDACTED)
    assert old[1:] == said[1:]
    assert await people.forget(ended_before=1000) == 1
    assert await people.forget(ended_before=500) == 0
    assert b"telltale" not in b"".join(record.event for record in await all_records(journal, "new"))
    people.close()
    await journal.close()
