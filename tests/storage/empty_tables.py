"""A database with all tables and nothing in them, made once: making them takes as long as the rest of a server's start."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.storage.sqlite import FILE_NAME, SqliteDatabase
from publisher.catalogue.published import Catalogue

__all__ = ["give_tables"]


def give_tables(data: Path) -> None:
    """Put that database into a data folder where none is."""
    data.mkdir(parents=True, exist_ok=True)
    if not (data / FILE_NAME).exists():
        (data / FILE_NAME).write_bytes(_empty_tables())


@cache
def _empty_tables() -> bytes:
    with TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder) / FILE_NAME)
        with database.connect() as connection:
            Catalogue(connection)
            assert connection.discard_deleted()
        return (Path(folder) / FILE_NAME).read_bytes()
