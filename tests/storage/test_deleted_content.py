"""What the file of SQLite has left of rows that were deleted."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from engine.domain.events import ChatMessageSent, encode
from engine.storage import sqlite
from engine.storage.journal import Append, DeletedMessages, Record
from engine.storage.opening import database_of
from engine.storage.sqlite import FILE_NAME, SqliteConnection, SqliteDatabase
from engine.storage.sqlite_journal import SqliteJournal
from tests.storage.rows import all_records, outcomes, records, room

_PEOPLE = 100


def _words(number: int) -> str:
    return f"telltale-{number}."


def _some_withdraw(connection: SqliteConnection, seed: int) -> list[str]:
    """People come, write, and some are deleted; the words of those."""
    chance = random.Random(seed)
    numbers = list(range(_PEOPLE))
    chance.shuffle(numbers)
    connection.execute("DROP TABLE IF EXISTS told")
    connection.execute("CREATE TABLE told (id TEXT PRIMARY KEY, words TEXT) WITHOUT ROWID")
    for number in numbers:
        connection.execute("INSERT INTO told (id) VALUES (:id)", id=f"p{number}")
    for number in numbers:
        words = _words(number) + "w" * chance.randint(100, 250)
        connection.execute("UPDATE told SET words = :words WHERE id = :id", words=words, id=f"p{number}")
    gone = chance.sample(numbers, 60)
    for number in gone:
        connection.execute("DELETE FROM told WHERE id = :id", id=f"p{number}")
    return [_words(number) for number in gone]


def _left(path: Path, words: list[str]) -> list[str]:
    content = path.read_bytes()
    return [each for each in words if each.encode() in content]


@pytest.fixture
def withdrawn(tmp_path: Path) -> tuple[SqliteConnection, list[str]]:
    """A connection to a file in which SQLite has left a copy of a deleted row, as it does now and then; whose words."""
    connection = SqliteDatabase(tmp_path / FILE_NAME).connect()
    for seed in range(200):
        words = _some_withdraw(connection, seed)
        assert connection.value("PRAGMA wal_checkpoint(TRUNCATE)") == 0
        if _left(tmp_path / FILE_NAME, words):
            return connection, words
    raise AssertionError("SQLite leaves no copies any more: the file need not be rewritten")


def test_no_copy_of_a_row_that_was_moved_before_it_was_deleted_stays(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path
) -> None:
    """``secure_delete`` overwrites the row alone."""
    connection, words = withdrawn
    with connection:
        assert connection.discard_deleted()
        assert _left(tmp_path / FILE_NAME, words) == []
        assert not (tmp_path / f"{FILE_NAME}-wal").read_bytes()
        assert connection.value("SELECT count(*) FROM told") == _PEOPLE - 60


def test_a_file_of_much_content_is_rewritten_at_leisure(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes is not kept waiting for it; another connection knows that it is to be done, and does it once."""
    monkeypatch.setattr(sqlite, "_REWRITTEN_AT_ONCE", 0)
    connection, words = withdrawn
    with connection:
        assert connection.discard_deleted()
        assert _left(tmp_path / FILE_NAME, words)
    with SqliteDatabase(tmp_path / FILE_NAME).connect() as another:
        assert another.discard_deleted(at_leisure=True)
        assert _left(tmp_path / FILE_NAME, words) == []
        pages = another.value("PRAGMA page_count")
        another.execute("DROP TABLE told")
        assert another.discard_deleted(at_leisure=True)
        assert another.value("PRAGMA page_count") == pages


def test_a_file_that_somebody_writes_to_is_rewritten_later(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told to come again."""
    connection, words = withdrawn
    connection.execute("PRAGMA busy_timeout = 10")
    with connection, SqliteDatabase(tmp_path / FILE_NAME).connect() as writer:
        with writer.transaction():
            assert not connection.discard_deleted()
        assert _left(tmp_path / FILE_NAME, words)
        assert connection.discard_deleted()
        assert _left(tmp_path / FILE_NAME, words) == []


def test_a_file_that_could_not_be_rewritten_is_rewritten_at_leisure(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path
) -> None:
    """Where a disk has no room, say; nobody has to delete something once more."""
    connection, words = withdrawn
    with connection:
        # It cannot attach the file that it writes to.
        connection._raw.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
        )
        assert not connection.discard_deleted()
        assert connection.value("PRAGMA temp_store") == 0
        assert _left(tmp_path / FILE_NAME, words)
    with SqliteDatabase(tmp_path / FILE_NAME).connect() as another:
        assert another.discard_deleted(at_leisure=True)
        assert _left(tmp_path / FILE_NAME, words) == []


def test_what_another_deletes_while_the_file_is_rewritten_is_left_for_the_next_time(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the rewriting, and comes before that is noted."""
    monkeypatch.setattr(sqlite, "_REWRITTEN_AT_ONCE", 0)
    connection, words = withdrawn
    assert connection.discard_deleted()
    execute = connection.execute
    with connection, SqliteDatabase(tmp_path / FILE_NAME).connect() as other:

        def beside(statement: str) -> object:
            result = execute(statement)
            if statement == "VACUUM":
                other.execute("DELETE FROM told WHERE id = (SELECT min(id) FROM told)")
                assert other.discard_deleted()
            return result

        monkeypatch.setattr(connection, "execute", beside)
        assert connection.discard_deleted(at_leisure=True)
        assert connection.value("PRAGMA user_version")
        monkeypatch.setattr(connection, "execute", execute)
        assert connection.discard_deleted(at_leisure=True)
        assert not connection.value("PRAGMA user_version")
        assert _left(tmp_path / FILE_NAME, words) == []


def test_a_log_that_a_reader_holds_does_not_make_the_file_be_rewritten_again(
    withdrawn: tuple[SqliteConnection, list[str]], tmp_path: Path
) -> None:
    """Nor is a log that is long by intention cut where nothing was deleted."""
    connection, words = withdrawn
    log = tmp_path / f"{FILE_NAME}-wal"
    with connection, SqliteDatabase(tmp_path / FILE_NAME).connect() as reader:
        with reader.reading():
            reader.value("SELECT count(*) FROM told")
            assert not connection.discard_deleted()
            length = log.stat().st_size
            assert not connection.discard_deleted()
            assert log.stat().st_size == length > 0
            assert not connection.discard_deleted(at_leisure=True)
            assert log.stat().st_size == length
            assert _left(tmp_path / FILE_NAME, words)
        assert connection.discard_deleted(at_leisure=True)
        assert log.stat().st_size == 0
        assert _left(tmp_path / FILE_NAME, words) == []
        connection.execute("INSERT INTO told (id) VALUES ('later')")
        length = log.stat().st_size
        assert connection.discard_deleted(at_leisure=True)
        assert log.stat().st_size == length > 0


async def test_nothing_of_a_deleted_message_is_on_the_disk(tmp_path: Path) -> None:
    """Neither in the file nor in the write-ahead log, once its deletion is told."""
    journal = SqliteJournal(database_of(tmp_path), asyncio.get_running_loop())
    said = encode(ChatMessageSent("ann", "telltale"))
    chat = [Record(1, 1, 5, said), *records(2, 3)]
    assert await outcomes(journal, [Append("a", 0, chat, room=room("a"))]) == [None]
    deleted = Append("a", 3, records(4, 4), deleted=[DeletedMessages(1, None)])
    assert await outcomes(journal, [deleted]) == [None]
    for file in (tmp_path / FILE_NAME, tmp_path / f"{FILE_NAME}-wal"):
        assert _left(file, ["telltale"]) == []
    assert len(await all_records(journal, "a")) == 4
    await journal.close()
