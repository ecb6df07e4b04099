"""Which database a data folder has."""

from __future__ import annotations

from pathlib import Path

from engine.storage.sqlite import FILE_NAME, SqliteDatabase

__all__ = ["database_of"]


def database_of(data: Path) -> SqliteDatabase:
    """The database of a data folder. Nothing is opened or made yet."""
    return SqliteDatabase(data / FILE_NAME)
