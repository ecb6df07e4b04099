"""What only PostgreSQL can do to those who write: go away, come back, and lose an answer."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import dict_row

import engine.storage.postgres
from engine.storage.database import (
    Connection,
    ConstraintViolated,
    DatabaseLocked,
    DatabaseLost,
    DatabaseUnusable,
)
from engine.storage.journal import (
    Append,
    DeletedMessages,
    JournalFailed,
    Loaded,
    NotOwner,
    Record,
    StalePosition,
)
from engine.storage.keys import Keys
from engine.storage.nodes import NodeTable
from engine.storage.opening import database_of
from engine.storage.postgres import PostgresConnection, PostgresDatabase, client_parameters
from engine.storage.postgres_journal import PostgresJournal, _records_since
from engine.storage.postgres_lock import PostgresLock
from engine.storage.rows import PEOPLE, ROOMS, PersonChange, PersonRow
from publisher.catalogue.published import Catalogue
from tests.postgres import PostgresCluster
from tests.storage.rows import all_records, outcomes, records, room

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def durable_server() -> Iterator[PostgresCluster]:
    """A server whose commits wait for the disk."""
    cluster = PostgresCluster(durable=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def own_server(durable_server: PostgresCluster) -> Iterator[PostgresCluster]:
    """A server that the test may pause and kill; it runs again for the next one."""
    yield durable_server
    if durable_server.is_running:
        durable_server.resume()
    else:
        durable_server.start()


async def test_a_database_that_dies_and_comes_back_loses_nothing(own_server: PostgresCluster) -> None:
    """What was acknowledged is there; what waits while it is away is acknowledged once it is back, once each."""
    with own_server.database() as url:
        journal = PostgresJournal(PostgresDatabase(url), asyncio.get_running_loop())
        assert await outcomes(journal, [Append(f"s{n}", 0, records(1, 3)) for n in range(20)]) == [None] * 20

        own_server.kill()
        waiting = asyncio.ensure_future(
            outcomes(journal, [Append(f"s{n}", 3, records(4, 5), room=room(f"s{n}")) for n in range(20)])
        )
        await asyncio.to_thread(own_server.start)

        assert await waiting == [None] * 20
        for n in range(20):
            assert await all_records(journal, f"s{n}") == records(1, 5)
        await journal.close()


async def _becomes(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(DatabaseLost):
                if fact():
                    return
            await asyncio.sleep(0.02)


async def test_a_database_that_takes_no_writes_for_a_while_is_waited_for(own_server: PostgresCluster) -> None:
    """A server that is about to become a standby, or is none any more in a moment: as one that is away."""
    with own_server.database() as url:
        database = PostgresDatabase(url)
        journal = PostgresJournal(database, asyncio.get_running_loop())
        assert await outcomes(journal, [Append("a", 0, records(1, 1))]) == [None]
        with database.connect() as connection, psycopg.connect(url, autocommit=True) as operator:
            operator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            operator.execute("SELECT pg_reload_conf()")
            await _becomes(lambda: connection.value("SHOW default_transaction_read_only") == "on")
            with pytest.raises(DatabaseLost):
                connection.execute("DELETE FROM rooms")
            with pytest.raises(DatabaseLost):
                connection.value("SELECT 1")
            waiting = asyncio.ensure_future(outcomes(journal, [Append("a", 1, records(2, 2))]))
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not done
            operator.execute("SET transaction_read_only = off")
            operator.execute("SET default_transaction_read_only = off")
            operator.execute("ALTER SYSTEM RESET default_transaction_read_only")
            operator.execute("SELECT pg_reload_conf()")
            assert await waiting == [None]
            await _becomes(lambda: connection.execute("DELETE FROM rooms") == 0)
        assert await all_records(journal, "a") == records(1, 2)
        await journal.close()


async def test_an_answer_that_is_lost_is_no_second_write(postgres_url: str) -> None:
    """The connection breaks after the commit: the same records again are recognised and acknowledged."""
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    assert await outcomes(journal, [Append("a", 0, records(1, 1)), Append("b", 0, records(1, 1))]) == [
        None,
        None,
    ]
    # Another writes what this one is about to send: to it, that is its own commit whose answer was lost.
    other = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    assert await outcomes(other, [Append("a", 1, records(2, 4))]) == [None]
    PostgresCluster.cut_connections(postgres_url)

    assert await outcomes(journal, [Append("a", 1, records(2, 4)), Append("b", 1, records(2, 2))]) == [
        None,
        None,
    ]
    assert await all_records(journal, "a") == records(1, 4)
    assert await all_records(journal, "b") == records(1, 2)
    await journal.close()
    await other.close()


async def test_one_refused_entry_fails_alone_among_hundreds(postgres_url: str) -> None:
    """A stale session and a text that PostgreSQL does not take are told so; everybody else's entry is written."""
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    await outcomes(journal, [Append(f"s{n}", 0, records(1, 1)) for n in range(200)])
    nul = PersonRow("s70", "ann", 5, name="A\0n")

    answers = await outcomes(
        journal,
        [
            Append("s7", 0, records(1, 2))
            if n == 7
            else Append(f"s{n}", 1, records(2, 2), people=[PersonChange("ann", nul)] if n == 70 else ())
            for n in range(200)
        ],
    )

    assert isinstance(answers[7], StalePosition)
    assert answers[70] is not None
    assert [n for n, answer in enumerate(answers) if answer is not None] == [7, 70]
    assert await all_records(journal, "s8") == records(1, 2)
    assert await all_records(journal, "s70") == records(1, 1)
    await journal.close()


async def test_the_journal_gives_up_a_database_that_is_away_when_it_is_closed(
    own_server: PostgresCluster,
) -> None:
    """Whoever closes waits no longer than one attempt, and those who wait are told that nothing was written."""
    with own_server.database() as url:
        journal = PostgresJournal(PostgresDatabase(url), asyncio.get_running_loop())
        await outcomes(journal, [Append("a", 0, records(1, 1))])
        own_server.kill()
        waiting = asyncio.ensure_future(outcomes(journal, [Append("a", 1, records(2, 2))]))
        await asyncio.sleep(0)

        async with asyncio.timeout(20):
            await journal.close()

        (answer,) = await waiting
        assert answer is not None
        own_server.start()


def test_both_databases_have_the_same_tables(postgres_url: str, tmp_path: Path) -> None:
    """Every table has the same columns in the same order, of the same kinds, and the same key in both dialects."""
    with database_of(tmp_path).connect() as sqlite, PostgresDatabase(postgres_url).connect() as postgres:
        Catalogue(sqlite)
        Catalogue(postgres)

        assert postgres.tables() == sqlite.tables()


def test_a_connection_that_was_cut_is_made_anew_by_the_next_read(postgres_url: str) -> None:
    """An idle connection may have been cut long ago; what only reads does not fail for that."""
    with PostgresDatabase(postgres_url).connect() as connection:
        connection.execute("INSERT INTO meta VALUES (:key, :value)", key="k", value="v")
        PostgresCluster.cut_connections(postgres_url)
        assert connection.value("SELECT value FROM meta WHERE key = :key", key="k") == "v"


def test_a_connection_that_was_cut_is_made_anew_by_the_next_transaction(postgres_url: str) -> None:
    """Before its first statement nothing was written, so that nothing can happen twice."""
    with PostgresDatabase(postgres_url).connect() as connection:
        PostgresCluster.cut_connections(postgres_url)
        with connection.transaction():
            connection.execute("INSERT INTO meta VALUES ('k', 'v')")
        PostgresCluster.cut_connections(postgres_url)
        with connection.reading():
            assert connection.value("SELECT value FROM meta WHERE key = 'k'") == "v"
        PostgresCluster.cut_connections(postgres_url)
        connection.execute("UPDATE meta SET value = 'w' WHERE key = 'k'")
        assert connection.value("SELECT value FROM meta WHERE key = 'k'") == "w"


def test_a_reading_whose_connection_broke_does_not_go_on_at_another_moment(postgres_url: str) -> None:
    """Half of it would be of then and half of now."""
    with PostgresDatabase(postgres_url).connect() as connection:
        with pytest.raises(DatabaseLost):
            _read_around_a_break(connection, postgres_url)
        assert connection.value("SELECT count(*) FROM rooms") == 0


def _read_around_a_break(connection: Connection, url: str) -> None:
    with connection.reading():
        assert connection.value("SELECT count(*) FROM rooms") == 0
        PostgresCluster.cut_connections(url)
        connection.value("SELECT count(*) FROM rooms")


async def test_rows_without_records_are_no_latecomers_when_their_answer_was_lost(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's row and the records after it were written by one statement; its answer was lost."""
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    assert await outcomes(journal, [Append("a", 0, records(1, 1))]) == [None]
    ann = PersonChange("ann", PersonRow("a", "ann", 5, name="Ann"))
    entries = [Append("a", 1, (), people=[ann]), Append("a", 1, records(2, 2))]
    other = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    assert await outcomes(other, entries) == [None, None]
    await other.close()
    PostgresCluster.cut_connections(postgres_url)
    # As if the connection had ended between the statement and its answer.
    monkeypatch.setattr(journal, "_is_linked", lambda: True)

    assert await outcomes(journal, entries) == [None, None]
    assert await all_records(journal, "a") == records(1, 2)
    await journal.close()


async def test_what_is_found_written_is_acknowledged_after_one_more_commit(postgres_url: str) -> None:
    """Records that can be read may not be on a synchronous standby yet; a later commit that returned says they are."""
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    entry = Append("a", 0, records(1, 1))
    assert await outcomes(journal, [entry]) == [None]
    PostgresCluster.cut_connections(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        before = admin.execute("SELECT pg_current_wal_insert_lsn() AS lsn").fetchone()
        assert before is not None
        assert await outcomes(journal, [entry]) == [None]
        written = admin.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s::pg_lsn) > 0", before
        ).fetchone()
    assert written == (True,)
    await journal.close()


async def test_a_failover_that_lost_the_newest_records_is_repaired_by_their_owner(postgres_url: str) -> None:
    """A standby that was behind: records, rows and the claim itself are gone there, and are written again in order."""
    database = PostgresDatabase(postgres_url)
    with database.connect() as connection:
        table = NodeTable(connection)
        table.join("one", url="http://one", version="1", studio_hash="")
        connection.execute(ROOMS.upsert, **ROOMS.values(room("a")))
        table.claim("one", ["a"])
    journal = PostgresJournal(database, asyncio.get_running_loop())
    journal.node = "one"
    ann = PersonChange("ann", PersonRow("a", "ann", 5, name="Ann"))
    assert (
        await outcomes(
            journal,
            [
                Append("a", 0, records(1, 2), term=1),
                Append("a", 2, records(3, 4), event_ids=["x"], term=1),
                Append("a", 4, (), people=[ann], term=1),
            ],
        )
        == [None] * 3
    )
    # What a server says that has only seen the first two records.
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DELETE FROM journal WHERE position > 2")
        admin.execute("DELETE FROM people")
        admin.execute("DELETE FROM event_ids")
        admin.execute("DELETE FROM owners")
    PostgresCluster.cut_connections(postgres_url)

    assert await outcomes(journal, [Append("a", 4, records(5, 5), term=1)]) == [None]

    loaded = await journal.load("a")
    assert loaded is not None
    assert list(loaded.records) == records(1, 5)
    assert (loaded.hole, [row.name for row in loaded.people], loaded.event_ids) == (
        None,
        ["Ann"],
        frozenset({"x"}),
    )
    await journal.close()


@pytest.mark.parametrize(
    "farewell",
    [
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_server_that_says_goodbye_is_waited_for_as_one_that_is_gone(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, farewell: Exception
) -> None:
    """Nobody is refused, and what the server after it lacks is written first."""
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    assert (
        await outcomes(journal, [Append("a", 0, records(1, 2)), Append("a", 2, records(3, 3))]) == [None] * 2
    )

    async def ended(*_: object) -> None:
        monkeypatch.undo()
        _fail_over_without("DELETE FROM journal WHERE position > 2", postgres_url)
        raise farewell

    monkeypatch.setattr(asyncpg.Connection, "fetchval", ended)
    assert await outcomes(journal, [Append("a", 3, records(4, 4))]) == [None]
    assert await all_records(journal, "a") == records(1, 4)
    await journal.close()


@pytest.mark.parametrize("noticed", [True, False])
async def test_a_failover_in_the_middle_of_a_commit_loses_nothing_of_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, noticed: bool
) -> None:
    """What was written before it, by a statement of its own, is as good as acknowledged; the next part repairs it."""
    database = PostgresDatabase(postgres_url)
    journal = PostgresJournal(database, asyncio.get_running_loop())
    assert await outcomes(journal, [Append("a", 0, records(1, 1))]) == [None]
    write_alone = journal._write_alone

    def failing_over(entry: Append) -> BaseException | None:
        monkeypatch.undo()
        _fail_over_without("DELETE FROM journal WHERE position > 1", postgres_url)
        if noticed:
            journal._is_linked(turns=3)
        return write_alone(entry)

    monkeypatch.setattr(journal, "_write_alone", failing_over)
    made = Append("b", 0, records(1, 1), room=room("b"), made_by="Mara")
    assert (
        await outcomes(journal, [Append("a", 1, records(2, 2)), made, Append("a", 2, records(3, 3))])
        == [None] * 3
    )
    assert await all_records(journal, "a") == records(1, 3)
    await journal.close()


def _fail_over_without(deleting: str, url: str) -> None:
    """Take away what a standby that was behind lacks, and end every connection."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(deleting)
    PostgresCluster.cut_connections(url)


def _journal_of(node: str, table: NodeTable, database: PostgresDatabase) -> PostgresJournal:
    """The journal of a node, which joins."""
    table.join(node, url=f"http://{node}", version="1", studio_hash="")
    journal = PostgresJournal(database, asyncio.get_running_loop())
    journal.node = node
    return journal


async def test_what_the_owner_before_wrote_of_late_is_written_again_by_the_owner_now(
    postgres_url: str,
) -> None:
    """A session was made at one server and moved to another: a standby that lacks all of it gets all of it."""
    database = PostgresDatabase(postgres_url)
    now = time.time_ns() // 1_000_000
    told = [Record(n, n, now, b'{"n":%d}' % n) for n in range(1, 6)]
    with database.connect() as connection:
        table = NodeTable(connection)
        one, two = (_journal_of(name, table, database) for name in ("one", "two"))
        table.claim("one", ["a"], new=True)
        ann = PersonChange("ann", PersonRow("a", "ann", 5, name="Ann"))
        made = Append("a", 0, told[:2], room=room("a"), people=[ann], event_ids=["x"], term=1)
        assert await outcomes(one, [made]) == [None]
        assert table.give("one", "a", 1, "two")
    assert await two.load("a") is not None
    assert await outcomes(two, [Append("a", 2, told[2:4], term=2)]) == [None]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for name in ("journal", "people", "event_ids", "rooms", "owners"):
            admin.execute(f"DELETE FROM {name}")
    PostgresCluster.cut_connections(postgres_url)

    assert await outcomes(two, [Append("a", 4, told[4:], term=2)]) == [None]

    loaded = await two.load("a")
    assert loaded is not None
    assert list(loaded.records) == told
    assert [row.name for row in loaded.people] == ["Ann"]
    assert loaded.event_ids == {"x"}
    assert loaded.room == room("a")
    await one.close()
    await two.close()


async def test_of_what_was_written_of_late_nothing_is_missing_in_the_middle(postgres_url: str) -> None:
    """One server's clock was behind the other's; records that are not loaded are those that were, from the first one on."""
    database = PostgresDatabase(postgres_url)
    journal = PostgresJournal(database, asyncio.get_running_loop())
    written = [Record(n, n, at, b"{}") for n, at in enumerate((10, 30, 20, 40, 20), start=1)]
    await outcomes(journal, [Append("a", 0, written), Append("b", 0, written[:1])])
    loaded = {name: await journal.load(name) for name in "ab"}
    await journal.close()
    as_loaded = {name: each for name, each in loaded.items() if each is not None}
    to_be_read = {name: replace(each, records=()) for name, each in as_loaded.items()}
    with database.connect() as connection:
        for known in (as_loaded, to_be_read):
            assert _records_since(connection, known, 20) == {"a": written[1:]}


async def test_a_lock_keeps_sessions_that_are_loaded_together_waiting_once(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not each of them as long as a connection waits, one after the other."""
    monkeypatch.setattr(engine.storage.postgres, "_LOCK_WITHIN", "50ms")
    journal = PostgresJournal(PostgresDatabase(postgres_url), asyncio.get_running_loop())
    read: list[list[str]] = []
    loaded = journal._loaded

    def counted(connection: PostgresConnection, session_ids: Sequence[str]) -> dict[str, Loaded]:
        read.append(list(session_ids))
        return loaded(connection, session_ids)

    monkeypatch.setattr(journal, "_loaded", counted)
    with psycopg.connect(postgres_url) as holder:
        holder.execute("LOCK TABLE rooms")
        found = await asyncio.gather(*map(journal.load, "abc"), return_exceptions=True)
    assert [type(each) for each in found] == [JournalFailed] * 3
    assert read == [["a", "b", "c"]]
    await journal.close()


async def test_what_went_of_late_goes_again_at_a_standby_that_lacks_its_going(postgres_url: str) -> None:
    """Somebody withdrew and a message was deleted at one server, the session moved, and a standby has both still."""
    database = PostgresDatabase(postgres_url)
    now = time.time_ns() // 1_000_000
    said = [
        Record(
            n, n, now - 60_000, b'{"client_id":"%s","message":"telltale","type":"chat_message_sent"}' % who
        )
        for n, who in ((1, b"ann"), (2, b"bob"))
    ]
    gone = [
        Record(3, None, now, b'{"client_id":"ann","type":"person_withdrew"}'),
        Record(4, 3, now, b'{"seq":2,"client_id":null,"type":"messages_deleted"}'),
    ]
    with database.connect() as connection:
        table = NodeTable(connection)
        one, two = (_journal_of(name, table, database) for name in ("one", "two"))
        table.claim("one", ["a"], new=True)
        ann = PersonRow("a", "ann", 5, name="Ann")
        made = Append("a", 0, said, room=room("a"), people=[PersonChange("ann", ann)], term=1)
        withdrew = Append("a", 2, gone[:1], people=[PersonChange("ann", None)], term=1)
        deleted = Append("a", 3, gone[1:], deleted=[DeletedMessages(2, None)], term=1)
        assert await outcomes(one, [made, withdrew, deleted]) == [None, None, None]
        assert table.give("one", "a", 1, "two")
        assert await two.load("a") is not None
        assert await outcomes(two, [Append("a", 4, (), room=room("a"), term=2)]) == [None]
        connection.execute("DELETE FROM journal WHERE position > 2")
        for record in said:
            connection.execute(
                "UPDATE journal SET event = :event WHERE position = :position",
                event=record.event,
                position=record.position,
            )
        connection.execute(PEOPLE.upsert, **PEOPLE.values(ann))
    PostgresCluster.cut_connections(postgres_url)

    last = Record(5, 4, now, b'{"n":5}')
    assert await outcomes(two, [Append("a", 4, [last], term=2)]) == [None]

    loaded = await two.load("a")
    assert loaded is not None
    assert list(loaded.people) == []
    assert [record.position for record in loaded.records] == [1, 2, 3, 4, 5]
    assert not any(b"telltale" in record.event for record in loaded.records)
    await one.close()
    await two.close()


async def test_what_another_node_owns_is_not_written_again(postgres_url: str) -> None:
    """The connection broke because this node was cut off: others have its sessions, in a higher term."""
    database = PostgresDatabase(postgres_url)
    with database.connect() as connection:
        table = NodeTable(connection)
        for node in ("one", "two"):
            table.join(node, url=f"http://{node}", version="1", studio_hash="")
        connection.execute(ROOMS.upsert, **ROOMS.values(room("a")))
        table.claim("one", ["a"])
        journal = PostgresJournal(database, asyncio.get_running_loop())
        journal.node = "one"
        gone = PersonChange("ann", PersonRow("a", "ann", 5, name="Ann"))
        assert await outcomes(
            journal, [Append("a", 0, records(1, 2), term=1), Append("a", 2, (), people=[gone], term=1)]
        ) == [None, None]
        table.leave("one")
        assert table.claim("two", ["a"])["a"].term == 2
        connection.execute("DELETE FROM people")
    PostgresCluster.cut_connections(postgres_url)
    (late,) = await outcomes(journal, [Append("a", 2, records(3, 3), term=1)])
    assert isinstance(late, NotOwner)
    loaded = await journal.load("a")
    assert loaded is not None
    assert (list(loaded.records), list(loaded.people)) == (records(1, 2), [])
    await journal.close()


async def test_closing_a_journal_whose_database_is_paused_is_bounded_as_a_whole(
    own_server: PostgresCluster,
) -> None:
    """Connections stay open and nothing answers: hundreds of entries are given up together, not one after the other."""
    with own_server.database() as url:
        journal = PostgresJournal(PostgresDatabase(url), asyncio.get_running_loop())
        await outcomes(journal, [Append(f"s{n}", 0, records(1, 1)) for n in range(200)])
        own_server.pause()
        try:
            waiting = asyncio.ensure_future(
                outcomes(journal, [Append(f"s{n}", 1, records(2, 2)) for n in range(200)])
            )
            await asyncio.sleep(0)
            async with asyncio.timeout(12):
                await journal.close()
            assert None not in await waiting
        finally:
            own_server.resume()


async def test_closing_a_journal_does_not_wait_for_what_a_paused_database_was_asked(
    own_server: PostgresCluster,
) -> None:
    """Nothing is being written; what is being read is refused, whoever asked for it."""
    with own_server.database() as url:
        journal = PostgresJournal(PostgresDatabase(url), asyncio.get_running_loop())
        await outcomes(journal, [Append("a", 0, records(1, 1))])
        # Each has its connection already: to open one takes longer.
        await asyncio.gather(journal.load("a"), journal.read_numbered("a", 0, 10))
        own_server.pause()
        try:
            reading = asyncio.gather(
                journal.load("a"), journal.read_numbered("a", 0, 10), return_exceptions=True
            )
            await asyncio.sleep(0)
            async with asyncio.timeout(12):
                await journal.close()
            assert [type(refused) for refused in await reading] == [JournalFailed, JournalFailed]
        finally:
            own_server.resume()


def test_a_lock_that_was_cut_is_taken_again(postgres_url: str) -> None:
    """Its holder stays the holder: nobody else gets it, and nobody is told that it is lost."""
    database = PostgresDatabase(postgres_url)
    lost = threading.Event()
    with database.hold("server", lost.set):
        cut = _lock_holder(postgres_url)
        PostgresCluster.cut_connections(postgres_url)
        _until(lambda: _lock_holder(postgres_url) not in (None, cut))
        with pytest.raises(DatabaseLocked), database.hold("server"):
            pass
    assert not lost.is_set()
    with database.hold("server"):
        pass


def test_whoever_holds_something_is_told_of_news(postgres_url: str) -> None:
    """Once the transaction that has the news is committed, after a cut too, in which some may have been missed."""
    database = PostgresDatabase(postgres_url)
    told = threading.Event()
    with database.hold("server", on_notice=told.set), database.connect() as connection:
        with connection.transaction():
            connection.announce()
            assert not told.wait(0.2)
        assert told.wait(10)
        told.clear()
        PostgresCluster.cut_connections(postgres_url)
        assert told.wait(10)
        # What was written before the cut has come by now.
        told.clear()
        connection.announce()
        assert told.wait(10)


def test_a_lock_that_somebody_else_took_meanwhile_is_lost_loudly(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes must not both believe that they hold it."""
    database = PostgresDatabase(postgres_url)
    lost = threading.Event()
    lock = PostgresLock(lambda: _connected(postgres_url), "server", lost.set)
    with lock, ExitStack() as rival:
        away = threading.Event()
        monkeypatch.setattr(lock, "_connect", lambda: _after(away, postgres_url))
        PostgresCluster.cut_connections(postgres_url)
        rival.enter_context(database.hold("server"))
        away.set()
        assert lost.wait(20)


def _after(event: threading.Event, url: str) -> psycopg.Connection[dict[str, Any]]:
    event.wait()
    return _connected(url)


def _connected(url: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row, options="-c lock_timeout=200ms")


def _lock_holder(url: str) -> int | None:
    with psycopg.connect(url, autocommit=True) as admin:
        row = admin.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    return None if row is None else int(row[0])


def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tables_of_others_in_the_schema_are_left_alone(postgres_url: str) -> None:
    """With types that are none of ours, or with ours: they are neither read nor in the way."""
    with PostgresDatabase(postgres_url).connect() as connection:
        ours = connection.tables()
        connection.execute("CREATE TABLE invoices (at timestamptz, amount numeric)")
        assert connection.tables() == ours


def test_a_setup_that_loses_commits_is_named(postgres: PostgresCluster, postgres_url: str) -> None:
    """``doctor`` says so: here fsync and synchronous_commit are off, as only tests may have them."""
    sentences = PostgresDatabase(postgres_url).unsuitable()
    assert [sentence.split()[0] for sentence in sentences] == ["fsync", "synchronous_commit"]


async def test_a_paused_database_keeps_nobody_from_identifying_themselves(
    own_server: PostgresCluster,
) -> None:
    """Keys are answered for from memory; a revocation elsewhere is seen by the thread that reads them again."""
    with own_server.database() as url:
        keys, elsewhere = Keys(PostgresDatabase(url)), Keys(PostgresDatabase(url))
        secret = keys.create("Sarah", at=1)
        keys.keep_in_memory(0.05)
        own_server.pause()
        began = time.monotonic()
        assert keys.identify(secret) is not None
        assert time.monotonic() - began < 1
        own_server.resume()
        elsewhere.revoke("Sarah", at=2)
        await asyncio.to_thread(_until, lambda: keys.identify(secret) is None)
        other = elsewhere.create("Tom", at=3)
        await asyncio.to_thread(_until, lambda: keys.identify(other) is not None)
        keys.close()
        elsewhere.close()


async def test_keys_are_read_again_when_somebody_saw_that_they_changed(postgres_url: str) -> None:
    """A revocation elsewhere does not wait for the next regular reading."""
    keys, elsewhere = Keys(PostgresDatabase(postgres_url)), Keys(PostgresDatabase(postgres_url))
    secret = keys.create("Sarah", at=1)
    keys.keep_in_memory()
    elsewhere.revoke("Sarah", at=2)
    assert keys.identify(secret) is not None
    keys.seen("revoked")
    await asyncio.to_thread(_until, lambda: keys.identify(secret) is None)
    made = elsewhere.create("Tom", at=3)
    wanted = keys.look_again()
    await asyncio.to_thread(_until, lambda: keys.readings >= wanted)
    assert keys.identify(made) is not None
    keys.close()
    elsewhere.close()


def test_nested_transactions_fail_alone(postgres_url: str) -> None:
    """What fails inside leaves what was written around it."""
    with PostgresDatabase(postgres_url).connect() as connection:
        with connection.transaction():
            connection.execute("INSERT INTO meta VALUES ('kept', 'v')")
            with pytest.raises(ConstraintViolated):
                _write_and_fail(connection)
        assert connection.value("SELECT count(*) FROM meta WHERE key IN ('kept', 'gone')") == 1


def _write_and_fail(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO meta VALUES ('gone', 'v')")
        connection.execute("INSERT INTO meta VALUES ('kept', 'w')")


def test_errors_say_whether_to_wait_or_to_mend() -> None:
    """Nobody answers: lost. No such database: unusable."""
    with pytest.raises(DatabaseLost):
        PostgresDatabase("postgresql://halcytone@127.0.0.1:1/none").connect()


def test_a_database_that_is_not_there_is_unusable(postgres: PostgresCluster) -> None:
    """The operator has to make it: waiting does not help."""
    with pytest.raises(DatabaseUnusable):
        PostgresDatabase(postgres.url("nowhere")).connect()


_NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_PIECE = st.one_of(
    _NAME.map(lambda name: ("parameter", name)),
    st.text(st.characters(codec="utf-8", exclude_characters="'"), max_size=8).map(
        lambda text: ("quoted", text)
    ),
    st.sampled_from([" = ", ", ", " % ", "::text", " + 1", "(", ")"]).map(lambda text: ("plain", text)),
)


@given(st.lists(_PIECE, max_size=8))
def test_parameters_are_translated_outside_of_quoted_text(pieces: list[tuple[str, str]]) -> None:
    """``:name`` becomes psycopg's; quoted text and casts stay, with ``%`` doubled."""
    ours, theirs = "SELECT ", "SELECT "
    for kind, text in pieces:
        if kind == "parameter":
            ours, theirs = f"{ours} :{text} ", f"{theirs} %({text})s "
        elif kind == "quoted":
            ours, theirs = f"{ours} '{text}' ", theirs + f" '{text}' ".replace("%", "%%")
        else:
            ours, theirs = ours + text, theirs + text.replace("%", "%%")

    assert client_parameters(ours) == theirs
    assert re.sub(r"%\([a-z_0-9]+\)s", "", client_parameters(ours)).count("%") % 2 == 0


def test_a_transaction_whose_connection_broke_ends_with_an_error(postgres_url: str) -> None:
    """Whatever was done about the error inside: nothing after it is written by itself, and nobody takes it for done."""
    with PostgresDatabase(postgres_url).connect() as connection:
        with pytest.raises(DatabaseLost):
            _write_around_a_break(connection, postgres_url)
        assert connection.value("SELECT count(*) FROM meta WHERE key IN ('one', 'two', 'three')") == 0


def _write_around_a_break(connection: Connection, url: str) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO meta VALUES ('one', 'v')")
        PostgresCluster.cut_connections(url)
        for key in ("two", "three"):
            with suppress(DatabaseLost):
                connection.execute("INSERT INTO meta VALUES (:key, 'v')", key=key)
