"""Opening the file: new, known, newer, damaged, at once from two sides."""

from __future__ import annotations

import json
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest

from engine.domain.commands import End
from engine.domain.session import Role
from engine.sessions.journaling.journal_entries import STATE
from engine.sessions.journaling.room_row import room_row
from engine.storage import migrations, sqlite
from engine.storage.database import (
    Database,
    DatabaseLocked,
    DatabaseUnusable,
    Value,
)
from engine.storage.migrations import Schema, migrate
from engine.storage.opening import database_of
from engine.storage.rows import ROOMS
from engine.storage.sqlite import FILE_NAME, SqliteConnection, SqliteDatabase
from engine.storage.tables import ENGINE
from tests.domain.sessions import live


def of_version(number: int, folder: Path) -> SqliteConnection:
    """A file as a program left it that knew the first steps alone."""
    connection = SqliteConnection(sqlite3.connect(folder / FILE_NAME, isolation_level=None))
    migrate(connection, Schema(ENGINE.key, ENGINE.steps[:number]))
    return connection


def names(connection: SqliteConnection) -> list[str]:
    """The tables and indexes there are."""
    return [row["name"] for row in connection.rows("SELECT name FROM sqlite_master ORDER BY name")]


def test_a_new_file_is_durable_and_shared(tmp_path: Path) -> None:
    """WAL, FULL, a busy timeout, rows by name."""
    with database_of(tmp_path).connect() as connection:
        assert connection.value("PRAGMA journal_mode") == "wal"
        assert connection.value("PRAGMA synchronous") == 2
        assert connection.value("PRAGMA busy_timeout") == 5000
        assert connection.rows("SELECT count(*) AS n FROM journal")[0]["n"] == 0


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Names and addresses are in it, and in the log beside it."""
    with database_of(tmp_path).connect():
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys((FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"), 0o600)


def test_opening_again_keeps_the_content(tmp_path: Path) -> None:
    """A migration runs once."""
    with database_of(tmp_path).connect() as connection:
        connection.execute("INSERT INTO meta VALUES ('public_url', 'https://example.org')")
    with database_of(tmp_path).connect() as connection:
        value = connection.value("SELECT value FROM meta WHERE key = 'public_url'")
    assert value == "https://example.org"
    assert database_of(tmp_path).problems() == []


def test_a_journal_of_the_first_schema_is_taken_over(tmp_path: Path) -> None:
    """The records of a folder that an older program left, all of them, by session and position."""
    rows = [(name, n, n, 7, b"{}") for n in (1, 2, 3) for name in ("b", "a")]
    with of_version(1, tmp_path) as older:
        older.write_tuples("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)

    with database_of(tmp_path).connect() as connection:
        kept = connection.rows("SELECT * FROM journal ORDER BY session_id, position")

    assert [tuple(dict(row).values()) for row in kept] == sorted(rows)
    assert database_of(tmp_path).problems() == []


def test_rooms_of_an_older_schema_learn_how_many_came(tmp_path: Path) -> None:
    """From the states that were kept at their end; staff and observers are not counted, nor whoever is still coming."""
    with of_version(2, tmp_path) as older:
        for course in (live(["ada", "bob"]), live([]), live(["ada"])):
            name = f"of-{course.now.count()}"
            course.join("ivy", Role.INSTRUCTOR)
            course.join("wall", Role.OBSERVER)
            if name != "of-1":
                course.do(End())
            row = replace(room_row(course.now), session_id=name)
            document = {k: v for k, v in json.loads(row.document).items() if k != "participant_count"}
            # Series came with a later schema.
            values = dict(ROOMS.values(replace(row, document=json.dumps(document))))
            del values["series_id"], values["occurrence"]
            columns = ", ".join(values), ", ".join(f":{name}" for name in values)
            older.execute(f"INSERT INTO rooms ({columns[0]}) VALUES ({columns[1]})", **values)
            state = (name, course.now.position, STATE.dump_json(course.now))
            older.write_tuples("INSERT INTO state_snapshots VALUES (?, ?, ?)", [state])

    with database_of(tmp_path).connect() as connection:
        rows = connection.rows("SELECT session_id, document FROM rooms ORDER BY session_id")

    reply = {row["session_id"]: json.loads(row["document"]) for row in rows}
    assert reply["of-0"]["participant_count"] == 0
    assert reply["of-2"]["participant_count"] == 2
    assert reply["of-2"]["title"] == "Morning"
    assert "participant_count" not in reply["of-1"]


@pytest.mark.parametrize("time", range(20))
def test_two_may_create_it_at_once(tmp_path: Path, time: int) -> None:
    """Server and publisher may both be the first."""
    together = Barrier(8)

    def first(_: int) -> SqliteConnection:
        together.wait()
        return SqliteDatabase(tmp_path / f"{time}.db").connect()

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(first, range(8)))
    for connection in opened:
        assert connection.value("SELECT count(*) FROM rooms") == 0
        connection.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program never writes into a newer file, and says what to do."""
    with database_of(tmp_path).connect() as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'engine_schema'")
    with pytest.raises(DatabaseUnusable, match="newer version"):
        database_of(tmp_path).connect()


def test_an_older_program_goes_on_beside_a_newer_one_on_a_database_that_is_shared(database: Database) -> None:
    """While the newer one only added to the tables; after any other step, and on a file of its own, it is refused."""
    first = Schema("trial", ("CREATE TABLE trial (a {integer} NOT NULL)",))
    added = "ALTER TABLE trial ADD COLUMN b {integer} NOT NULL DEFAULT 7"
    second = Schema("trial", (*first.steps, added), additive=frozenset({2}))
    third = Schema(
        "trial", (*second.steps, "ALTER TABLE trial RENAME COLUMN b TO c"), additive=frozenset({2})
    )
    with database.connect() as connection:
        migrate(connection, first)
        migrate(connection, second)
        if database.shared:
            migrate(connection, first)
        else:
            with pytest.raises(DatabaseUnusable, match="newer version"):
                migrate(connection, first)
        connection.execute("INSERT INTO trial (a) VALUES (1)")
        migrate(connection, second)
        assert connection.value("SELECT b FROM trial") == 7
        migrate(connection, third)
        migrate(connection, third)
        assert connection.value("SELECT c FROM trial") == 7
        for older in (first, second):
            with pytest.raises(DatabaseUnusable, match="newer version"):
                migrate(connection, older)


def test_a_newer_program_that_was_faster_keeps_its_steps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw an old database; the older one gets the lock second, and must not say that fewer steps were applied."""
    first = Schema("trial", ("CREATE TABLE trial (a {integer} NOT NULL)",))
    added = "ALTER TABLE trial ADD COLUMN b {integer} NOT NULL DEFAULT 7"
    second = Schema("trial", (*first.steps, added), additive=frozenset({2}))
    if not database.shared:
        second = Schema("trial", second.steps)
    with database.connect() as connection:
        migrate(connection, second)
        # What the older one saw before it had the lock; a file of its own refuses it there.
        look, before = migrations._applied, iter([0])
        monkeypatch.setattr(
            migrations,
            "_applied",
            lambda asked, schema: found if (found := next(before, None)) is not None else look(asked, schema),
        )
        if database.shared:
            migrate(connection, first)
        else:
            with pytest.raises(DatabaseUnusable, match="newer version"):
                migrate(connection, first)
        migrate(connection, second)
        assert connection.value("SELECT value FROM meta WHERE key = :key", key=second.steps_key) == "2"


def test_the_steps_since_the_version_before_let_its_servers_go_on(database: Database) -> None:
    """So that servers on one database are updated one after the other, without a moment in which none takes sessions."""
    before = Schema(ENGINE.key, ENGINE.steps[: ENGINE.needed])
    with database.connect() as connection:
        if database.shared:
            migrate(connection, before)
        assert connection.value("SELECT value FROM meta WHERE key = :key", key=ENGINE.steps_key) == str(
            ENGINE.version
        )
    assert set(range(ENGINE.needed + 1, ENGINE.version + 1)) <= ENGINE.additive


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 40])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file and nothing is overwritten."""
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(DatabaseUnusable, match=FILE_NAME):
        database_of(tmp_path).connect()
    assert (tmp_path / FILE_NAME).read_bytes() == content
    assert database_of(tmp_path).problems() != []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """No folder, no database."""
    with pytest.raises(DatabaseUnusable, match="cannot be opened"):
        database_of(tmp_path / "nowhere").connect()
    assert database_of(tmp_path / "nowhere").problems() == [f"{FILE_NAME} does not exist"]


def test_a_full_check_finds_garbled_pages(tmp_path: Path) -> None:
    """Bytes overwritten in the middle are reported in words."""
    path = tmp_path / FILE_NAME
    with SqliteDatabase(path).connect() as connection:
        connection.write_tuples(
            "INSERT INTO journal VALUES ('a', ?, ?, 1, ?)", [(n, n, b"x" * 300) for n in range(1, 500)]
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    middle = len(content) - 20 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)

    assert SqliteDatabase(path).problems() != []


def test_a_lock_is_told_from_damage(tmp_path: Path) -> None:
    """Only a lock is worth waiting for."""
    with database_of(tmp_path).connect() as holder, database_of(tmp_path).connect() as other:
        holder.execute("BEGIN IMMEDIATE")
        other.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(DatabaseLocked):
            other.execute("BEGIN IMMEDIATE")


def test_a_disk_that_is_nearly_full_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head start for commits must not take the bytes that pages and drafts need."""
    monkeypatch.setattr(sqlite, "disk_usage", lambda _: SimpleNamespace(free=100 * 2**20))
    with database_of(tmp_path).connect():
        before = (tmp_path / f"{FILE_NAME}-wal").stat().st_size
        database_of(tmp_path).preallocate()
        assert (tmp_path / f"{FILE_NAME}-wal").stat().st_size == before


def test_the_log_is_lengthened_once_and_keeps_nothing(tmp_path: Path) -> None:
    """Commits find the room that they need; the file has no more tables than before."""
    log = tmp_path / f"{FILE_NAME}-wal"
    with database_of(tmp_path).connect() as connection:
        tables = names(connection)
        database_of(tmp_path).preallocate()
        size = log.stat().st_size
        assert size > 2000 * 4096
        database_of(tmp_path).preallocate()
        connection.write_tuples(
            "INSERT INTO journal VALUES ('a', ?, ?, 1, ?)", [(n, n, b"x" * 300) for n in range(1, 500)]
        )
        assert log.stat().st_size == size
        assert names(connection) == tables
    assert database_of(tmp_path).problems() == []


def test_what_was_published_without_a_session_is_no_session_of_its_key(tmp_path: Path) -> None:
    """In a file of before, both stood alike; who made a session or series is known by when."""
    row: dict[str, Value] = {
        "epoch": "e",
        "phase": "ended",
        "title": "t",
        "instructor": "i",
        "session_type": "live",
        "scheduled_start": 1,
    }
    row |= {
        "visibility": "public",
        "access": "open",
        "max_participants": 9,
        "document": "{}",
        "updated_at": 1,
    }
    with of_version(11, tmp_path) as connection:
        for session_id, created_at in (("made", 1000), ("claimed", 1000)):
            values = row | {"session_id": session_id, "created_at": created_at, "sequence": 0, "cancelled": 0}
            connection.execute(
                f"INSERT INTO rooms ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",
                **values,
            )
        connection.many(
            "INSERT INTO leaders (kind, id, key_name, at) VALUES (:kind, :id, :name, :at)",
            [
                {"kind": kind, "id": id_, "name": name, "at": at}
                for kind, id_, name, at in (
                    ("session", "made", "Mara", 1010),
                    ("session", "made", "Ivy", 1020),
                    ("session", "claimed", "Ivy", 900),
                    ("session", "claimed", "Adam", 70_000),
                    ("session", "told", "Ivy", 900),
                    ("session", "told", "Mara", 901),
                    ("series", "weekly", "Mara", 5),
                )
            ],
        )
    with database_of(tmp_path).connect() as connection:
        rows = connection.rows("SELECT kind, id, key_name, maker FROM leaders ORDER BY kind, id, key_name")
    assert [(row["kind"], row["id"], row["key_name"], row["maker"]) for row in rows] == [
        ("series", "weekly", "Mara", 1),
        ("session", "claimed", "Adam", 0),
        ("session", "made", "Ivy", 0),
        ("session", "made", "Mara", 1),
        ("story", "claimed", "Ivy", 0),
        ("story", "told", "Ivy", 0),
    ]
