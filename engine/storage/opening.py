"""Which database a data folder has, and the journal in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, overload

from engine.storage.database import Database
from engine.storage.group_commit import GroupCommitJournal, OnCommit
from engine.storage.sqlite import FILE_NAME, SqliteDatabase
from engine.storage.sqlite_journal import SqliteJournal

__all__ = ["database_of", "open_journal"]


@overload
def database_of(data: Path) -> SqliteDatabase: ...
@overload
def database_of(data: Path, url: str | None) -> Database: ...
def database_of(data: Path, url: str | None = None) -> Database:
    """The database of a data folder: its SQLite file, or the PostgreSQL database at ``url``. Opens and makes nothing."""
    if url is None:
        return SqliteDatabase(data / FILE_NAME)
    # The drivers are an extra, and take a tenth of a second to import.
    from engine.storage.postgres import PostgresDatabase

    return PostgresDatabase(url)


def open_journal(
    database: Database, loop: asyncio.AbstractEventLoop, on_commit: OnCommit | None = None
) -> GroupCommitJournal[Any]:
    """The journal in a database, to be used on ``loop``.

    Raises:
        DatabaseError: the database cannot be used.
    """
    if isinstance(database, SqliteDatabase):
        return SqliteJournal(database, loop, on_commit)
    from engine.storage.postgres import PostgresDatabase
    from engine.storage.postgres_journal import PostgresJournal

    assert isinstance(database, PostgresDatabase)
    return PostgresJournal(database, loop, on_commit)
