"""Brings files and folders to the disk (fsync), a group at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

__all__ = ["Flusher", "flush_folders"]

_FILES_TOGETHER: Final = 16
"""Some hundred kilobytes: a live session's journal on the same disk may have to wait for them."""
_TOGETHER: Final = 2 * _FILES_TOGETHER
"""Each file may have a folder of its own."""
_THREADS: Final = 8


class Flusher:
    """Writes files and brings them, and the entries of folders, to the disk: at the end of the block all of it is there.

    At the flush of a new file a file system writes its own journal and the disk its cache, and a live session's journal
    on that disk waits for both. For flushes that are asked for at the same time they do so once; so several threads ask
    for those of a group. ``durable=False`` leaves the flushes out.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable
        self._files: list[BinaryIO] = []
        self._folders: dict[Path, None] = {}
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self._close_files()
            if self._threads is not None:
                self._threads.shutdown()

    def write(self, path: Path, data: bytes) -> None:
        """Write a file."""
        file = path.open("wb")
        self._files.append(file)
        file.write(data)
        file.flush()
        if len(self._files) == _FILES_TOGETHER:
            self.flush()

    def note(self, folder: Path) -> None:
        """Note that the entries of a folder have changed."""
        self._folders[folder] = None

    def flush(self) -> None:
        """Bring what was written and noted to the disk now."""
        folders, self._folders = list(self._folders), {}
        if self._durable:
            with ExitStack() as opened:
                group = [file.fileno() for file in self._files]
                for folder in folders:
                    # One that was emptied and removed meanwhile needs no flush of its own.
                    if not folder.is_dir():
                        continue
                    if len(group) >= _TOGETHER:
                        self._flush_group(group)
                        opened.close()
                        group = []
                    group.append(os.open(folder, os.O_RDONLY))
                    opened.callback(os.close, group[-1])
                self._flush_group(group)
        self._close_files()

    def _flush_group(self, group: list[int]) -> None:
        if len(group) == 1:
            os.fsync(group[0])
        elif group:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="flush")
            for _ in self._threads.map(os.fsync, group):
                """Raises what a flush raised."""

    def _close_files(self) -> None:
        while self._files:
            self._files.pop().close()


def flush_folders(folders: Iterable[Path]) -> None:
    """Bring the entries of folders to the disk."""
    with Flusher() as flusher:
        for folder in folders:
            flusher.note(folder)
