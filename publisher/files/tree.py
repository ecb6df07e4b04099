"""Writes files into a folder that is being read: each is replaced atomically, never truncated in place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from publisher.files.flushing import Flusher

__all__ = ["SiteFile", "Tree", "exchange", "holds", "make_folders"]


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site: its path below the root, and its bytes, or None when it must not be there."""

    path: str
    data: bytes | None


def _no_step(_: str) -> None:
    """Reports no step."""


class Tree:
    """A folder that is read while it changes: each file is replaced atomically.

    ``step`` is called with each file operation before it happens; a test that raises there stands for a kill.
    """

    def __init__(self, root: Path, *, step: Callable[[str], None] = _no_step, durable: bool = True) -> None:
        self.root = root
        self._step = step
        self._durable = durable

    def put(self, files: Iterable[SiteFile]) -> int:
        """Replace files in the given order, then remove what must not be there; returns how many changed.

        A file whose bytes are the same is not touched, so its time and its ETag stay.
        """
        many: list[SiteFile] = [each for each in files if self._differs(each)]
        if not many:
            return 0
        self.root.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{self.root.name}-staging-", dir=self.root.parent))
        try:
            self._put(many, folder)
        except Exception:
            # A disk that is full must not fill further with each attempt.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return len(many)

    def _put(self, many: Sequence[SiteFile], folder: Path) -> None:
        staged: list[tuple[Path, Path]] = []
        gone: list[Path] = []
        with Flusher(durable=self._durable) as flusher:
            for number, each in enumerate(many):
                target = self.root / each.path
                if each.data is None:
                    gone.append(target)
                    continue
                self._step(f"stage {each.path}")
                waiting = folder / f"{number}"
                flusher.write(waiting, each.data)
                staged.append((waiting, target))
        with Flusher(durable=self._durable) as flusher:
            for waiting, target in staged:
                self._step(f"replace {target.relative_to(self.root)}")
                make_folders(target.parent, flusher)
                waiting.replace(target)
                flusher.note(target.parent)
            for target in gone:
                self._step(f"remove {target.relative_to(self.root)}")
                target.unlink(missing_ok=True)
                flusher.note(target.parent)
                self._drop_empty(target.parent)
            folder.rmdir()

    def _differs(self, file: SiteFile) -> bool:
        target = self.root / file.path
        if file.data is None:
            return target.exists()
        return not holds(target, file.data)

    def _drop_empty(self, folder: Path) -> None:
        while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def holds(file: Path, data: bytes) -> bool:
    """Whether a file exists with exactly these bytes."""
    try:
        # The size tells most differences without reading.
        return file.stat().st_size == len(data) and file.read_bytes() == data
    except (FileNotFoundError, NotADirectoryError):
        return False


def make_folders(folder: Path, flusher: Flusher) -> None:
    """Make a folder and its missing parents; notes each folder that got a new entry."""
    missing = folder
    while not missing.exists():
        flusher.note(missing.parent)
        missing = missing.parent
    folder.mkdir(parents=True, exist_ok=True)


def exchange(new: Path, live: Path) -> None:
    """Swap a new folder with the live one, atomically; what was live is then at ``new``.

    Where the kernel cannot swap two names (``renameat2``), the live folder is missing between two renames.
    """
    if not live.exists():
        new.rename(live)
        return
    if not _swapped(new, live):
        aside = Path(tempfile.mkdtemp(prefix=f".{live.name}-", dir=live.parent))
        live.rename(aside / "old")
        new.rename(live)
        (aside / "old").rename(new)
        aside.rmdir()


def _swapped(one: Path, other: Path) -> bool:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    rename = getattr(library, "renameat2", None)
    if rename is None:
        return False
    here, swap = -100, 2
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)
