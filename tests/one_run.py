"""What the processes of one run of the tests share, made by the first that needs it: a folder that is gone with the run."""

from __future__ import annotations

import atexit
import fcntl
import os
import select
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["begin", "end_of_run", "ends_with_the_run", "shared_folder"]

_FOLDER: Final = "FOLDER_OF_THIS_TEST_RUN"
"""The environment variable that the workers of a run find its folder in."""
_END: Final = "end"
_PIDS: Final = "pids"
_WITHIN: Final = 10.0


def begin() -> None:
    """Make the folder, in the process that starts the others; its end is the end of the run."""
    if _FOLDER in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="halcytone-run-"))
    os.environ[_FOLDER] = str(folder)
    os.mkfifo(folder / _END)
    (folder / _PIDS).mkdir()
    # Whoever reads the other end sees it closed, however this process ends.
    held = os.open(folder / _END, os.O_RDWR)
    atexit.register(_finish, os.getpid(), folder, held)


def _finish(begun_by: int, folder: Path, held: int) -> None:
    """Let what lives as long as the run end, and wait for it."""
    if os.getpid() != begun_by:
        return  # A fork.
    ends: list[int] = []
    # Before they are told: the last of them may take the folder away.
    for each in (folder / _PIDS).iterdir():
        with suppress(ProcessLookupError):
            ends.append(os.pidfd_open(int(each.name)))
    os.close(held)
    for ended in ends:
        select.select([ended], [], [], _WITHIN)
        os.close(ended)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """The folder, with one process in it at a time."""
    begin()
    folder = Path(os.environ[_FOLDER])
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def end_of_run() -> int:
    """A pipe to read from: nothing comes, and it ends with the run."""
    return os.open(Path(os.environ[_FOLDER]) / _END, os.O_RDONLY)


def ends_with_the_run(pid: int) -> None:
    """Wait for this process at the end of the run, which tells it by the pipe."""
    (Path(os.environ[_FOLDER]) / _PIDS / str(pid)).touch()
