"""A whole site in a folder that nobody looks into yet."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from publisher.tree import Artefact, holds

__all__ = ["NewTree"]


class NewTree:
    """What a rebuild fills. What stands in ``known`` with the same bytes is linked from there.

    No file is ever written to a second time, so two trees may share one: it costs the disk nothing, and the file keeps
    its time and with that its ETag. Without ``known`` every file is its own, whatever somebody does to it then. ``step`` is told each operation before it happens.
    """

    def __init__(self, root: Path, known: Path | None, *, step: Callable[[str], None], durable: bool) -> None:
        self.root = root
        self._known = known
        self._step = step
        self._durable = durable
        root.mkdir(parents=True, exist_ok=True)

    def put(self, artefacts: Iterable[Artefact]) -> int:
        """Add files; what must not be there is not. Returns how many were added."""
        count = 0
        for each in artefacts:
            if each.data is not None:
                self._step(f"stage {each.path}")
                target = self.root / each.path
                target.parent.mkdir(parents=True, exist_ok=True)
                if not self._linked(each.path, each.data, target):
                    self._write(target, each.data)
                count += 1
        return count

    def settle(self) -> None:
        """Bring the folders to the disk, before the tree is put in its place: one flush instead of thousands.

        The files' bytes are there already, so that this is short and stalls no live session's journal.
        """
        if not self._durable:
            return
        handle = os.open(self.root, os.O_RDONLY)
        try:
            flush = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
            if flush is None or flush(handle) != 0:
                os.sync()
        finally:
            os.close(handle)

    def files(self) -> Iterator[str]:
        """Every file below the root, as paths from it."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                yield Path(folder, name).relative_to(self.root).as_posix()

    def _linked(self, path: str, data: bytes, target: Path) -> bool:
        if self._known is None or not holds(self._known / path, data):
            return False
        try:
            target.hardlink_to(self._known / path)
        except OSError:
            # Another file system, or one that has no such links.
            return False
        return True

    def _write(self, target: Path, data: bytes) -> None:
        with target.open("wb") as file:
            file.write(data)
            if self._durable:
                # One by one: a flush of the whole at the end would stall the journal of a live session.
                file.flush()
                os.fsync(file.fileno())
