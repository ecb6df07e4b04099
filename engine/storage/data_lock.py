"""One server per data folder: a lock on a file in it, gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOCK_FILE", "DataInUse", "occupy"]

LOCK_FILE = "server.lock"


class DataInUse(Exception):
    """A running server holds the data folder."""


@contextmanager
def occupy(data: Path) -> Iterator[None]:
    """Hold the folder for the length of the block.

    Raises:
        DataInUse: another process holds it.
    """
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataInUse(f"a running server holds {data}") from error
        yield
    finally:
        os.close(descriptor)
