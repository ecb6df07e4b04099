"""The fork server of pytest-xdist's workers: it has collected the tests once, so that no worker imports them for itself.

A worker collects again, in a third of the time: modules are imported, and what is kept about them is known.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import pytest

from tests.forks import ForkServer, serve
from tests.one_run import shared_folder

__all__ = ["started"]


def started(arguments: Sequence[str]) -> ForkServer:
    """One for the workers of a pytest that was called with these arguments."""
    with shared_folder() as folder:
        return ForkServer(folder / "workers", "tests.worker_forks", *arguments)


def _collect() -> None:
    """Import what is collected; what is wrong with it is said by the workers."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        pytest.main(
            [*sys.argv[1:-2], "--numprocesses=0", "--dist=no", "--collect-only", "-qq", "--junitxml="]
        )


if __name__ == "__main__":
    # Where pytest is killed they stop the servers of their tests, as execnet tells them that it is gone.
    serve(_collect, end_within=8.0)
