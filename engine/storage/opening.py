"""Which database a data folder has, and what must not be had twice: the journal, the key that signs."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any, overload

from engine.storage.database import Database
from engine.storage.group_commit import GroupCommitJournal, OnCommit
from engine.storage.keys import SIGNING_KEY_FILE, signing_key
from engine.storage.meta import Meta
from engine.storage.sqlite import FILE_NAME, SqliteDatabase
from engine.storage.sqlite_journal import SqliteJournal

__all__ = ["SIGNING_KEY", "database_of", "open_journal", "signing_key_of"]

SIGNING_KEY = "signing_key"
"""Where ``Meta`` keeps the key on PostgreSQL."""


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


def signing_key_of(data: Path, database: Database) -> bytes:
    """The 32 bytes that sign session tokens and ``resume``, made on the first call.

    Beside SQLite they are a file of the data folder. On PostgreSQL they are a row, so that a server with another
    folder knows the links that were sent; who reads that database can make tokens. Whichever of the two is there
    already becomes the other, so that links stay good when a studio moves.

    Raises:
        ValueError: the file holds no such key.
    """
    with database.connect() as connection:
        meta = Meta(connection)
        if isinstance(database, SqliteDatabase):
            return signing_key(data, made_of=meta.get(SIGNING_KEY))
        if (data / SIGNING_KEY_FILE).exists():
            meta.setdefault(SIGNING_KEY, signing_key(data).hex())
        meta.setdefault(SIGNING_KEY, secrets.token_hex(32))
        kept = meta.get(SIGNING_KEY)
    assert kept is not None
    return bytes.fromhex(kept)
