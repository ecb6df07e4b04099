"""Standing back: nobody's pacer may stand still because a page is being built."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["leave_the_foreground", "stand_back"]

_NICEST: Final = 19


def stand_back() -> None:
    """Take only what nobody else wants of the processor, from here on, for this process and its children.

    Niceness says who gets more of a core, and somebody who wakes up still waits for the end of a nice one's turn: 4 ms and
    more at each step of an announcement. So the first core is left alone where there are several, and where the system
    has an idle class this joins it: its members give way at once.
    """
    if hasattr(os, "sched_setaffinity"):
        _first, *others = sorted(os.sched_getaffinity(0))
        if others:
            with suppress(OSError):
                os.sched_setaffinity(0, others)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICEST)
    # Linux weighs whole terminal sessions against each other before it looks at what is in them: a process that
    # leads a session of its own must make that one nice too. In a shell's session it would slow the shell down.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{_NICEST}\n")


def leave_the_foreground() -> None:
    """Leave Ctrl-C in the terminal to the parent, and stay in its session: behind it, not beside it."""
    with suppress(OSError):
        os.setpgid(0, 0)
