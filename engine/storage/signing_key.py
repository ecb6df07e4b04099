"""The key that signs session tokens and ``resume``: a file of the data folder, or a row of a database that servers share."""

from __future__ import annotations

import secrets
from pathlib import Path

from engine.storage.atomic_file import write_atomically
from engine.storage.database import Database
from engine.storage.meta import Meta
from engine.storage.sqlite import SqliteDatabase

__all__ = ["SIGNING_KEY", "SIGNING_KEY_FILE", "signing_key", "signing_key_of"]

SIGNING_KEY_FILE = "signing.key"
"""Readable by its owner alone."""
SIGNING_KEY = "signing_key"
"""Where ``Meta`` keeps the key on PostgreSQL."""


def signing_key(data: Path, made_of: str | None = None) -> bytes:
    """The 32 bytes that sign session tokens and ``resume``; made on the first call, or ``made_of`` these hex digits.

    Raises:
        ValueError: the file holds no such key.
    """
    file = data / SIGNING_KEY_FILE
    if not file.exists():
        key = secrets.token_bytes(32) if made_of is None else bytes.fromhex(made_of)
        write_atomically(file, key.hex() + "\n")
    key = bytes.fromhex(file.read_text("ascii").strip())
    if len(key) != 32:
        raise ValueError(f"{file.name} does not hold a key of 32 bytes")
    return key


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
