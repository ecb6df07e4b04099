"""A whole new folder, filled beside the live one before it takes its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from publisher.files.flushing import Flusher, flush_folders
from publisher.files.tree import SiteFile, holds, make_folders

__all__ = ["NewTree", "remove"]

_PORTION: Final = 100
"""Files between two flushes: the file system's own journal must not stall that of a live session on the same disk."""


class NewTree:
    """A folder that a rebuild fills. A file with the same bytes in ``known``, the live folder, is hard-linked from there.

    No folder is made until something differs from ``known``: rebuilding an unchanged site writes nothing.
    Files are never written twice, so two trees may share one, and it keeps its time and with that its ETag.
    Without ``known`` no file is shared. ``step`` is called with each operation
    before it happens.
    """

    def __init__(self, root: Path, known: Path | None, *, step: Callable[[str], None], durable: bool) -> None:
        self.root = root
        self._known = known if known is not None and known.is_dir() else None
        self._step = step
        self._durable = durable
        self._paths: dict[str, None] = {}
        self._begun = False
        if self._known is None:
            self._begin()

    def __len__(self) -> int:
        """How many files it has."""
        return len(self._paths)

    def put(self, files: Iterable[SiteFile]) -> int:
        """Add files, skipping those without bytes; returns how many were added."""
        count = 0
        with Flusher(durable=self._durable) as flusher:
            for each in files:
                if each.data is None:
                    continue
                count += 1
                as_known = self._known is not None and holds(self._known / each.path, each.data)
                if not as_known and not self._begun:
                    self._begin()
                if self._begun:
                    self._step(f"stage {each.path}")
                    self._add(each.path, None if as_known else each.data, flusher)
                self._paths[each.path] = None
        return count

    def keep(self, folder: str) -> None:
        """Link everything that ``known`` has below ``folder``."""
        if self._known is None:
            return
        with Flusher(durable=self._durable) as flusher:
            for path in list(_files(self._known, folder)):
                if self._begun:
                    self._add(path, None, flusher)
                self._paths[path] = None

    def differs(self) -> bool:
        """Whether it differs from ``known``; if so it is complete and on the disk, and can take its place."""
        if not self._begun and self._known is not None and set(_files(self._known)) != self._paths.keys():
            # ``known`` has files that the new tree has not.
            self._begin()
        return self._begun

    def _begin(self) -> None:
        self._begun = True
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        with Flusher(durable=self._durable) as flusher:
            for number, path in enumerate(self._paths, 1):
                self._add(path, None, flusher)
                if number % _PORTION == 0:
                    flusher.flush()

    def _add(self, path: str, data: bytes | None, flusher: Flusher) -> None:
        """Write a file, or with no data take it from ``known``."""
        target = self.root / path
        make_folders(target.parent, flusher)
        flusher.note(target.parent)
        if data is None:
            assert self._known is not None
            try:
                target.hardlink_to(self._known / path)
            except OSError:
                # A file system that has no such links.
                data = (self._known / path).read_bytes()
            else:
                return
        flusher.write(target, data)


def remove(folder: Path) -> None:
    """Remove a folder that is no longer read, a portion at a time; files that cannot be removed stay."""
    removed = 0
    for inner, folders, files in os.walk(folder, topdown=False):
        for name in files:
            with suppress(OSError):
                Path(inner, name).unlink()
        for name in folders:
            with suppress(OSError):
                Path(inner, name).rmdir()
        removed += len(files)
        if removed >= _PORTION:
            with suppress(OSError):
                flush_folders([folder])
            removed = 0
    shutil.rmtree(folder, ignore_errors=True)


def _files(root: Path, below: str = "") -> Iterator[str]:
    for folder, _, names in os.walk(root / below):
        for name in names:
            yield Path(folder, name).relative_to(root).as_posix()
