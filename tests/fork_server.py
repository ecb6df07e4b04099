"""The fork server of what tests start: servers, publishers, renderers of pages.

Imports are most of what a start costs: a second for the server, and another for its publisher. Tests for which it
matters that these are forks (``tests.forks``) start ``sys.executable`` itself.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

from tests import forks
from tests.one_run import shared_folder

__all__ = ["fork_of", "halcytone", "program", "publisher"]

_IMPORTED: Final = (
    "engine.commands.serve",
    "engine.commands.archive",
    "engine.app",
    "engine.domain.heart.group",
    "publisher.worker",
    "publisher.rendering.card_drawing",
    "publisher.site.page_process",
    "asyncpg",
    "psycopg",
    "uvloop",
)


@cache
def program() -> str:
    """The executable to be called with ``-m MODULE …``; the fork server is started by the first call of a run's processes."""
    with shared_folder() as folder:
        executable = folder / "programs" / forks.EXECUTABLE
        if not executable.exists():
            executable = forks.ForkServer(executable.parent, "tests.fork_server").executable()
    return str(executable)


def halcytone(*arguments: str) -> tuple[str, ...]:
    """The command line of ``halcytone``, forked."""
    return (program(), "-m", "engine.cli", *arguments)


def publisher(data: Path) -> tuple[str, ...]:
    """The command line of the publisher of a data folder, forked."""
    return halcytone("publisher", "--data", str(data))


def fork_of(caller: int) -> int:
    """The process id of the fork that does what a process was started for, once it has printed something."""
    return forks.fork_of(Path(program()), caller)


def _prepare() -> None:
    """Import the program, and publish a session: with templates compiled, fonts read and patterns known, half of a fork's first site is done."""
    for name in _IMPORTED:
        import_module(name)
    from tests.publisher.samples import snapshot
    from tests.publisher.studio_data import Publisher

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        publisher = Publisher(Path(folder))
        publisher.publish(snapshot())
        publisher.close()


if __name__ == "__main__":
    forks.serve(_prepare)
