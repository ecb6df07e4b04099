"""What only PostgreSQL can do to those who write: go away, come back, and lose an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.storage.database import Connection, ConstraintViolated, DatabaseLost, DatabaseUnusable
from engine.storage.journal import Append, StalePosition
from engine.storage.opening import database_of
from engine.storage.postgres import PostgresDatabase, client_parameters
from engine.storage.postgres_journal import PostgresJournal
from engine.storage.rows import PersonChange, PersonRow
from publisher.catalogue.published import Catalogue
from tests.postgres import PostgresCluster
from tests.storage.rows import all_records, outcomes, records, room


@pytest.fixture
def own_server() -> Iterator[PostgresCluster]:
    """A server that the test may kill."""
    cluster = PostgresCluster(durable=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


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
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )

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
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        assert connection.value("SELECT value FROM meta WHERE key = :key", key="k") == "v"


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
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        for key in ("two", "three"):
            with suppress(DatabaseLost):
                connection.execute("INSERT INTO meta VALUES (:key, 'v')", key=key)
