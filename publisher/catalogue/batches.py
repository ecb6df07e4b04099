"""Batches of rows that need not be written together: a live session on the same database waits for one of them only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from engine.storage.database import Connection, Value

__all__ = ["in_batches", "write_in_batches"]

T = TypeVar("T")

_ROWS: Final = 50
_PAUSE_S: Final = 0.005
"""Longer than SQLite lets pass between the first times it looks whether the write lock is free (1, 2 and 5 ms): in a
shorter gap a live session that waits for the lock would not see that it was."""


def in_batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Fifty at a time, each to be written in a transaction of its own; between them whoever waits gets the write lock."""
    for start in range(0, len(items), _ROWS):
        if start:
            time.sleep(_PAUSE_S)
        yield items[start : start + _ROWS]


def write_in_batches(connection: Connection, statement: str, rows: Sequence[Mapping[str, Value]]) -> None:
    """Write rows that need not be written together."""
    for batch in in_batches(rows):
        with connection.transaction():
            connection.many(statement, batch)
