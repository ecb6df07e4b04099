"""Standing back: nobody's pacer may stand still because a page is being built."""

from __future__ import annotations

import os
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
    "use_idle_scheduling",
]

T = TypeVar("T")

IDLE_NICENESS: Final = 19
"""For work that nobody waits for."""

BUILD_NICENESS: Final = 5
"""For work that readers wait for: where the processor is short it has a quarter of it, beside a live server's three."""


def lower_priority(niceness: int) -> None:
    """Let others have the processor and the disk first, from here on, for this process and its children.

    The disk's order follows the same number where the system orders at all.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    # Linux weighs whole terminal sessions against each other before it looks at what is in them: a process that
    # leads a session of its own must make that one nice too. In a shell's session it would slow the shell down.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{niceness}\n")


def leave_foreground_group() -> None:
    """Leave Ctrl-C in the terminal to the parent, and stay in its session: behind it, not beside it."""
    with suppress(OSError):
        os.setpgid(0, 0)


def use_idle_scheduling() -> None:
    """Take only what nobody else wants of the processor, from here on, for this thread and what it starts.

    Somebody who wakes up waits for the end of a nice one's turn: 4 ms and more at each step of an announcement. So the
    first core is left alone where there are several, and where the system has an idle class the thread joins it: who is
    in it gives way at once, and may never get a turn on a machine that is busy all the time. There is no way back.
    """
    if not hasattr(os, "SCHED_IDLE"):
        return
    _first, *others = sorted(os.sched_getaffinity(0))
    if others:
        with suppress(OSError):
            os.sched_setaffinity(0, others)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def run_idle(work: Callable[[], T]) -> T:
    """Do something long that nobody waits for, in a thread that gives way; returns or raises what it does."""
    if hasattr(os, "SCHED_IDLE") and os.sched_getscheduler(0) == os.SCHED_IDLE:
        return work()
    with ThreadPoolExecutor(
        max_workers=1, thread_name_prefix="idle", initializer=use_idle_scheduling
    ) as pool:
        return pool.submit(work).result()
