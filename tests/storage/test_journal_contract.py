"""What every journal promises, asked of those in SQLite and PostgreSQL and of the one in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from engine.domain.events import ChatMessageSent, PracticeRested, decode, encode
from engine.storage.journal import (
    Append,
    DeletedMessages,
    Journal,
    JournalFailed,
    Loaded,
    Record,
    StalePosition,
    StateSnapshot,
)
from engine.storage.opening import database_of
from engine.storage.postgres import PostgresDatabase
from engine.storage.postgres_journal import PostgresJournal
from engine.storage.redaction import REDACTED
from engine.storage.rows import PersonChange, PersonRow
from engine.storage.sqlite_journal import SqliteJournal
from tests.storage.memory_journal import MemoryJournal
from tests.storage.rows import all_records, latest, outcomes, records, room


@pytest.fixture(params=["sqlite", "postgres", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    loop = asyncio.get_running_loop()
    kept: Journal
    match request.param:
        case "memory":
            kept = MemoryJournal()
        case "sqlite":
            kept = SqliteJournal(database_of(tmp_path), loop)
        case _:
            kept = PostgresJournal(PostgresDatabase(request.getfixturevalue("postgres_url")), loop)
    yield kept
    await kept.close()


@pytest.fixture
async def rival(request: pytest.FixtureRequest, journal: Journal, tmp_path: Path) -> AsyncIterator[Journal]:
    """The journal of another owner of the same sessions."""
    loop = asyncio.get_running_loop()
    kept: Journal
    match journal:
        case MemoryJournal():
            kept = MemoryJournal(beside=journal)
        case PostgresJournal():
            kept = PostgresJournal(PostgresDatabase(request.getfixturevalue("postgres_url")), loop)
        case _:
            kept = SqliteJournal(database_of(tmp_path), loop)
    yield kept
    await kept.close()


async def test_what_was_appended_is_read_back_in_order(journal: Journal) -> None:
    """Everything that was written, and how far it goes."""
    assert await outcomes(journal, [Append("a", 0, records(1, 5))]) == [None]

    assert await all_records(journal, "a") == records(1, 5)
    assert await latest(journal, "a") == 5


async def test_nobody_is_told_before_the_commit(journal: Journal) -> None:
    """``append`` returns at once; ``done`` comes later, and what it confirms can be read."""
    reply: list[BaseException | None] = []
    confirmed = asyncio.Event()

    def done(error: BaseException | None) -> None:
        reply.append(error)
        confirmed.set()

    journal.append(Append("a", 0, records(1, 1)), done)

    assert reply == []
    await confirmed.wait()
    assert reply == [None]
    assert await latest(journal, "a") == 1


async def test_answers_come_in_the_order_of_the_appends(journal: Journal) -> None:
    """Sessions interleaved over many ticks hear back in the order in which they wrote."""
    order: list[int] = []
    finished = asyncio.Event()

    def done(n: int, _: BaseException | None) -> None:
        order.append(n)
        if n == 199:
            finished.set()

    for n in range(200):
        journal.append(Append(f"s{n % 7}", n // 7, records(n // 7 + 1, n // 7 + 1)), partial(done, n))
        if n % 10 == 0:
            await asyncio.sleep(0)
    await finished.wait()

    assert order == list(range(200))


async def test_a_second_owner_is_refused(journal: Journal) -> None:
    """An append that expects another position than the latest changes nothing."""
    await outcomes(journal, [Append("a", 0, records(1, 3))])

    behind, ahead, fine = await outcomes(
        journal,
        [Append("a", 2, records(3, 4)), Append("a", 9, records(10, 10)), Append("b", 0, records(1, 1))],
    )

    assert isinstance(behind, StalePosition)
    assert (behind.expected, behind.latest) == (2, 3)
    assert isinstance(ahead, StalePosition)
    assert fine is None
    assert await latest(journal, "a") == 3


async def test_a_stale_owner_writes_no_rows_either(journal: Journal, rival: Journal) -> None:
    """An entry without records is held to its position as well: of people, room, state and ids nothing is kept."""
    ann = PersonRow("a", "ann", 5, name="Ann")
    await outcomes(journal, [Append("a", 0, records(1, 1), room=room("a"))])
    assert await outcomes(journal, [Append("a", 1, (), people=[PersonChange("ann", ann)])]) == [None]
    await outcomes(rival, [Append("a", 1, records(2, 2))])

    (late,) = await outcomes(
        journal,
        [
            Append(
                "a",
                1,
                (),
                people=[PersonChange("ann", None)],
                room=room("a", phase="live"),
                state=StateSnapshot(1, b"{}"),
                event_ids=["x"],
            )
        ],
    )

    assert isinstance(late, StalePosition)
    assert (late.expected, late.latest) == (1, 2)
    loaded = await rival.load("a")
    assert loaded is not None
    assert (list(loaded.people), loaded.room, loaded.state) == ([ann], room("a"), None)
    assert loaded.event_ids == frozenset()


async def test_rows_after_records_of_the_same_moment_are_the_owners(journal: Journal) -> None:
    """What one tick staged is one sequence: rows alone stand where the records before them left the log."""
    entries = [
        Append("a", 0, records(1, 2)),
        Append("a", 2, (), event_ids=["x"]),
        Append("a", 2, records(3, 3)),
    ]
    assert await outcomes(journal, entries) == [None, None, None]
    behind = [Append("a", 3, records(4, 4)), Append("a", 3, (), event_ids=["y"])]
    first, second = await outcomes(journal, behind)
    assert first is None
    assert isinstance(second, StalePosition)
    loaded = await journal.load("a")
    assert loaded is not None
    assert (loaded.latest, loaded.event_ids) == (4, frozenset({"x"}))


async def test_rows_of_people_without_records_need_the_present_position_too(tmp_path: Path) -> None:
    """Somebody else has written to the log, a withdrawal perhaps: rows that were made before it are refused."""
    loop = asyncio.get_running_loop()
    mine, other = (SqliteJournal(database_of(tmp_path), loop) for _ in range(2))
    row = PersonRow("a", "ann", 1, email="ann@example.org")
    assert await outcomes(mine, [Append("a", 0, records(1, 2), people=[PersonChange("ann", row)])]) == [None]
    assert await outcomes(other, [Append("a", 2, records(3, 3), people=[PersonChange("ann", None)])]) == [
        None
    ]
    (late,) = await outcomes(mine, [Append("a", 2, (), people=[PersonChange("ann", row)])])
    assert isinstance(late, StalePosition)
    loaded = await mine.load("a")
    assert loaded is not None
    assert loaded.people == ()
    await mine.close()
    await other.close()


async def test_the_same_records_again_are_harmless(journal: Journal) -> None:
    """A repeated append is confirmed and stored once."""
    entry = Append("a", 0, records(1, 3))

    assert await outcomes(journal, [entry, entry]) == [None, None]
    assert await outcomes(journal, [entry]) == [None]

    assert await all_records(journal, "a") == records(1, 3)


async def test_numbered_reading_gives_the_newest_within_the_limit(journal: Journal) -> None:
    """Only numbered records count; when there are more than the limit, the newest are given in order."""
    await outcomes(
        journal,
        [
            Append("a", 0, records(1, 10)),
            Append("a", 10, records(11, 12, numbered=False)),
        ],
    )

    assert [r.seq for r in await journal.read_numbered("a", 4, 100)] == [5, 6, 7, 8, 9, 10]
    assert [r.seq for r in await journal.read_numbered("a", 0, 3)] == [8, 9, 10]
    assert await journal.read_numbered("a", 10, 3) == []


async def test_an_unknown_session_has_nothing(journal: Journal) -> None:
    """Nobody created it: no records, position 0, nothing to load."""
    assert await journal.load("nowhere") is None
    assert await latest(journal, "nowhere") == 0
    assert await all_records(journal, "nowhere") == []


async def test_a_withdrawal_takes_the_words_of_a_person_out_of_the_log(journal: Journal) -> None:
    """Places and numbers stay; what others said does too."""
    said = [("ann", "telltale"), ("bob", "hello"), ("ann", "again")]
    chat = [
        Record(n, n, 1_000, encode(ChatMessageSent(who, words)))
        for n, (who, words) in enumerate(said, start=1)
    ]
    await outcomes(
        journal, [Append("a", 0, chat), Append("a", 3, records(4, 4), people=[PersonChange("ann", None)])]
    )
    kept = await all_records(journal, "a")
    assert [(record.position, record.seq, record.at) for record in kept[:3]] == [
        (n, n, 1_000) for n in (1, 2, 3)
    ]
    assert [decode(record.event) for record in kept[:3]] == [
        ChatMessageSent("ann", REDACTED),
        ChatMessageSent("bob", "hello"),
        ChatMessageSent("ann", REDACTED),
    ]
    assert kept[3:] == records(4, 4)


async def test_deleted_messages_go_from_the_log(journal: Journal) -> None:
    """One by its number, or all of a person; what is no chat message stays as it is."""
    said = [("ann", "telltale"), ("bob", "hello"), ("ann", "again"), ("bob", "too")]
    chat = [
        Record(n, n, 1_000, encode(ChatMessageSent(who, words)))
        for n, (who, words) in enumerate(said, start=1)
    ]
    other = Record(5, 5, 1_000, encode(PracticeRested()))
    await outcomes(journal, [Append("a", 0, [*chat, other]), Append("b", 0, [*chat, other])])
    await outcomes(
        journal,
        [
            Append("a", 5, records(6, 6), deleted=[DeletedMessages(2, None), DeletedMessages(5, None)]),
            Append("b", 5, records(6, 6), deleted=[DeletedMessages(None, "ann")]),
        ],
    )
    first, second = await all_records(journal, "a"), await all_records(journal, "b")
    assert [decode(record.event) for record in first[:5]] == [
        ChatMessageSent("ann", "telltale"),
        ChatMessageSent("bob", REDACTED),
        ChatMessageSent("ann", "again"),
        ChatMessageSent("bob", "too"),
        PracticeRested(),
    ]
    assert [decode(record.event) for record in second[:5]] == [
        ChatMessageSent("ann", REDACTED),
        ChatMessageSent("bob", "hello"),
        ChatMessageSent("ann", REDACTED),
        ChatMessageSent("bob", "too"),
        PracticeRested(),
    ]
    assert (
        [record.position for record in first] == [record.position for record in second] == [1, 2, 3, 4, 5, 6]
    )


async def test_sessions_loaded_at_once_are_each_as_loaded_alone(journal: Journal) -> None:
    """Of each its own state, records, people and ids; nothing of one that nobody created."""
    for name in ("a", "b"):
        person = PersonRow(name, "ann", 5, name=f"Ann of {name}")
        first = Append(
            name, 0, records(1, 3), people=[PersonChange("ann", person)], room=room(name), event_ids=[name]
        )
        await outcomes(journal, [first])
    await outcomes(
        journal,
        [Append("b", 3, records(4, 9), state=StateSnapshot(7, b"{}")), Append("c", 0, records(1, 2))],
    )
    alone = [await journal.load(name) for name in ("a", "b", "c", "nowhere")]

    assert await asyncio.gather(*map(journal.load, ("a", "b", "c", "nowhere"))) == alone

    a, b, c, nowhere = alone
    assert nowhere is None
    assert a is not None
    assert b is not None
    assert c is not None
    assert (list(a.records), list(b.records), list(c.records)) == (
        records(1, 3),
        records(8, 9),
        records(1, 2),
    )
    assert [row.name for row in a.people] == ["Ann of a"]
    assert b.event_ids == {"b"}
    assert c.room is None


async def test_a_start_gets_state_records_people_room_and_ids(journal: Journal) -> None:
    """``load`` gives the newest state, the records after it, and the rows as they were last written."""
    ann = PersonRow("a", "ann", 5, name="Ann", consents='{"group":1}', vouched=True)
    bob = PersonRow("a", "bob", 5, name="Bob")
    await outcomes(
        journal,
        [
            Append("a", 0, records(1, 3), people=[PersonChange("ann", ann), PersonChange("bob", bob)]),
            Append("a", 3, records(4, 4), room=room("a", phase="waiting"), state=StateSnapshot(4, b"{}")),
            Append("a", 4, records(5, 6), people=[PersonChange("bob", None)], event_ids=["x", "y"]),
            Append("a", 6, [], room=room("a", phase="live"), event_ids=["x"]),
        ],
    )

    loaded = await journal.load("a")

    assert loaded is not None
    assert loaded.state == StateSnapshot(4, b"{}")
    assert list(loaded.records) == records(5, 6)
    assert loaded.latest == 6
    assert list(loaded.people) == [ann]
    assert loaded.room == room("a", phase="live")
    assert loaded.event_ids == {"x", "y"}
    assert loaded.hole is None


async def test_a_closed_journal_refuses(journal: Journal) -> None:
    """Staged entries are written by ``close``; later ones fail."""
    staged: list[BaseException | None] = []
    journal.append(Append("a", 0, records(1, 1)), staged.append)

    await journal.close()

    assert staged == [None]
    (late,) = await outcomes(journal, [Append("a", 1, records(2, 2))])
    assert isinstance(late, JournalFailed)
    for reading in (journal.load("a"), journal.read_numbered("a", 0, 10)):
        with pytest.raises(JournalFailed):
            await reading


async def test_what_is_being_loaded_ends_with_the_journal(journal: Journal) -> None:
    """Whoever waits for a session gets it or is refused, and no task is left behind."""
    names = [f"s{number}" for number in range(120)]
    await outcomes(journal, [Append(name, 0, records(1, 1)) for name in names])
    before = asyncio.all_tasks()
    asking = {asyncio.ensure_future(journal.load(name)) for name in names}
    await asyncio.sleep(0)

    await journal.close()

    assert asyncio.all_tasks() <= before | asking
    for loaded in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(loaded, JournalFailed) or (isinstance(loaded, Loaded) and loaded.latest == 1)
