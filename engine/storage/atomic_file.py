"""Writes small files of a data folder atomically: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(file: Path, text: str) -> None:
    """Write ASCII text for the owner of a file alone; what stood there before stays until all of it is on the disk.

    Half a key would keep every later start from succeeding.

    Raises:
        OSError: it cannot be written; nothing changed.
    """
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii"
        ) as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
