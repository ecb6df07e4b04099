"""Process priority of the publisher: building a page must not slow down a live session on the same machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

__all__ = [
    "BUILD_NICENESS",
    "IDLE_NICENESS",
    "leave_foreground_group",
    "lower_priority",
    "run_idle",
    "usable_cores",
    "use_idle_scheduling",
    "use_idle_scheduling_on",
]

T = TypeVar("T")

_left_alone: set[int] = set()
"""The cores that the main thread left to others."""

IDLE_NICENESS: Final = 19
"""Niceness of work that nobody waits for: the lowest priority there is."""

BUILD_NICENESS: Final = 5
"""Niceness of work that readers wait for: of a busy core it gets a quarter, beside the live server's three."""


def lower_priority(niceness: int) -> None:
    """Set the niceness of this process and of the children it starts from here on; failures are ignored.

    The disk scheduler follows the same number where it has priorities at all.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    # Linux weighs whole terminal sessions against each other before it looks at what is in them (autogroup): a
    # process that leads a session must make that one nice too. In a shell's session it would slow the shell down.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{niceness}\n")


def leave_foreground_group() -> None:
    """Move into a process group of its own, so that Ctrl-C in the terminal reaches the parent alone.

    The process stays in the parent's session: there its niceness is weighed against the server's.
    """
    with suppress(OSError):
        os.setpgid(0, 0)


def use_idle_scheduling() -> None:
    """Put this thread, and what it starts, into the idle scheduling class and off the first core. Not reversible.

    A thread that wakes up waits for the end of a nice one's turn: 4 ms and more at each step of an announcement. So
    the first core is left alone where there are several. A thread of the idle class (SCHED_IDLE) is preempted at once,
    and may never run on a machine that is busy all the time. Where the system has no such class, nothing changes.
    """
    if not hasattr(os, "SCHED_IDLE"):
        return
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        with suppress(OSError):
            os.sched_setaffinity(0, others)
            if threading.current_thread() is threading.main_thread():
                _left_alone.add(first)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def use_idle_scheduling_on(cores: set[int]) -> None:
    """Put this process into the idle scheduling class, on these cores. Where the system has no such class, nothing changes.

    It is preempted at once by whoever wakes up, where a process that is only nice would end its turn.
    """
    if not hasattr(os, "SCHED_IDLE"):
        return
    with suppress(OSError):
        os.sched_setaffinity(0, cores)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def usable_cores() -> list[int]:
    """The cores that this process may use, those included that it leaves to others."""
    # The main thread's: one of a long build may use fewer.
    return sorted(os.sched_getaffinity(os.getpid()) | _left_alone)


def run_idle(work: Callable[[], T]) -> T:
    """Run long work in an idle-class thread and wait for it; returns or raises what it does."""
    if hasattr(os, "SCHED_IDLE") and os.sched_getscheduler(0) == os.SCHED_IDLE:
        return work()
    with ThreadPoolExecutor(
        max_workers=1, thread_name_prefix="idle", initializer=use_idle_scheduling
    ) as pool:
        return pool.submit(work).result()
